"""One kube-apiserver over an etcd. Two of them on one etcd are what a managed cluster has."""
from pathlib import Path

from harness.wait import free_port, wait_until

from .audit import Audit
from .client import Client
from .credentials import ISSUER, Credentials
from .etcd import Etcd
from .programs import Program


class ApiServer(Program):
    def __init__(self, folder: Path, programs: Path, etcd: Etcd, credentials: Credentials, name: str, flags: list):
        super().__init__(name, folder / f"{name}.log")
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.admin = Client(self.port, credentials.authority, certificate=credentials.admin)
        self.audit = Audit(folder / f"{name}.audit.log")
        self._binary = programs / "kube-apiserver"
        self._folder = folder
        self._etcd = etcd
        self._credentials = credentials
        self._flags = flags

    def command(self) -> list:
        keys = self._credentials
        return [self._binary, f"--etcd-servers={self._etcd.url}",
                f"--secure-port={self.port}", f"--cert-dir={self._folder}",
                f"--tls-cert-file={keys.server.certificate}", f"--tls-private-key-file={keys.server.key}",
                f"--client-ca-file={keys.authority}", f"--service-account-issuer={ISSUER}",
                f"--service-account-key-file={keys.tokens.public}",
                f"--service-account-signing-key-file={keys.tokens.private}", "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16", "--profiling=false", *self.surroundings(), *self._flags]

    def surroundings(self) -> list:
        """Flags that say where it is: alone on loopback, with every request written down. Nobody makes Endpoints for
        it; nor a ServiceAccount for each pod."""
        return ["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
                "--disable-admission-plugins=ServiceAccount", *self.audit.flags()]

    def start(self) -> None:
        super().start()
        wait_until(lambda: self.must_run() and self.is_ready(), what=f"{self.name} to be ready")

    def is_ready(self) -> bool:
        return self.admin.request("GET", "/readyz", timeout=10)["message"] == "ok"
