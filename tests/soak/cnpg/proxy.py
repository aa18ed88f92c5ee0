"""pgsteer on the bed: beside the Cluster's -rw Service, with no more rights than it is meant to need.

The configuration is a file in the folder of the bed, for whoever starts another pgsteer by hand.
"""
import json
import os
import re
import urllib.request
from pathlib import Path

from harness.wait import wait_until
from kube_api.access import RIGHTS as POD_RIGHTS, Account, write_token
from kube_api.api_server import ApiServer
from kube_api.client import Client
from kube_api.cnpg import RIGHTS
from kube_api.programs import Program

from testbed.bed import Bed
from testbed.cnpg import CLUSTER, NAMESPACE, PROBE

RW_PORT, RO_PORT, ADMIN_PORT = 6432, 6433, 9464
TOKEN_SECONDS = 30 * 24 * 3600  # No kubelet is here to renew it, and a bed may be left up.
RESTED_SECONDS_MAX = 300  # A backend that was lost again and again rests before it is used.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def write_config(folder: Path, client: Client, server: ApiServer, authority: Path) -> Path:
    """With its account, token and password; the configuration's path. folder: a new one."""
    (folder / "state").mkdir(parents=True)
    account = Account(client, NAMESPACE, rights=POD_RIGHTS + RIGHTS)
    token, password, path = folder / "token", folder / "probe.password", folder / "pgsteer.yaml"
    write_token(token, account.token(TOKEN_SECONDS))
    password.touch(mode=0o600)
    password.write_text(PROBE["password"] + "\n")
    source = {"namespace": NAMESPACE, "cnpg_cluster": CLUSTER, "api_server": server.url, "token_file": str(token),
              "ca_file": str(authority)}
    # hold_timeout: a CloudNativePG failover may take as long as its Lease (15 s) and a PostgreSQL that hangs.
    sections = {
        "cluster": {"backends": {"kubernetes": source}, "state_dir": str(folder / "state")},
        "probe": {"user": PROBE["user"], "password_file": str(password)},
        "listeners": [
            {"name": "rw", "bind": f"127.0.0.1:{RW_PORT}", "route": "primary", "hold_timeout": "60s"},
            {"name": "ro", "bind": f"127.0.0.1:{RO_PORT}", "route": "prefer-standby"}],
        "admin": {"bind": f"127.0.0.1:{ADMIN_PORT}"},
        "log": {"level": "info", "format": "json"}}
    path.write_text("".join(f"{name}: {json.dumps(keys)}\n" for name, keys in sections.items()))
    return path


class Proxy(Program):
    """The program that PGSTEER_BINARY names."""

    def __init__(self, folder: Path, config: Path):
        super().__init__("pgsteer", folder / "logs" / "pgsteer.log")
        self._config = config

    def command(self) -> list:
        return [os.environ["PGSTEER_BINARY"], "run", "--config", self._config]

    def wait_all(self, standbys: int) -> None:
        """Until it knows a primary and so many standbys."""
        wait_until(lambda: self.must_run() and self._counts() == (1, standbys),
                   RESTED_SECONDS_MAX, f"pgsteer to see a primary and {standbys} standbys")

    def _counts(self) -> tuple:
        backends = json.loads(self.get("/api/v1/topology"))["backends"]
        return (sum(b["rw_eligible"] for b in backends),
                sum(b["ro_eligible"] and b["role"] == "standby" for b in backends))

    @staticmethod
    def get(path: str) -> str:
        with _OPENER.open(f"http://127.0.0.1:{ADMIN_PORT}{path}", timeout=30) as answer:
            return answer.read().decode()

    def log_bytes(self) -> int:
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_since(self, offset: int) -> str:
        with open(self.log_path, "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def version(self) -> str:
        match = re.search(r'"version":"([^"]*)"', self.log_text())
        return match.group(1) if match else "of unknown version"


class ProxiedBed(Bed):
    """With pgsteer's configuration; it is not started."""

    def __enter__(self):
        super().__enter__()
        config = write_config(self.folder / "pgsteer", self.server.admin, self.server, self.credentials.authority)
        self.proxy = Proxy(self.folder, config)
        return self


__all__ = ["ADMIN_PORT", "ProxiedBed", "Proxy", "RO_PORT", "RW_PORT"]
