"""A Kubernetes API in a temporary folder: one etcd, one API server and whatever others a test adds.

Flow: with KubeApi() as kube -> namespace = kube.new_namespace() -> Pods(kube.admin, namespace), Account(...) ->
kube.server.kill9(), terminate(), freeze() -> kube.server.start(): etcd has kept everything. Leaving the block ends all.
"""
import os
import shutil
import tempfile
from pathlib import Path

from harness import processes

from .api_server import ApiServer
from .client import Client
from .credentials import Credentials
from .etcd import Etcd
from .programs import programs_folder


class KubeApi:
    def __init__(self, flags: list = ()):
        """flags: of the API server, such as "--watch-cache=false". Raises programs.Unavailable."""
        self._programs = programs_folder()
        processes.adopt_orphans()
        self.folder = Path(tempfile.mkdtemp(prefix="pgsteer-kube-", dir=os.environ.get("PGSTEER_DATA_FOLDER") or None))
        self.credentials = Credentials(self.folder)
        self.etcd = Etcd(self.folder, self._programs)
        self.servers = []
        self.server = self.add_server(flags)
        self._namespaces = 0

    def add_server(self, flags: list = ()) -> ApiServer:
        """One more on the same etcd; it is yet to be started."""
        server = ApiServer(self.folder, self._programs, self.etcd, self.credentials, f"apiserver{len(self.servers)}",
                           list(flags))
        self.servers.append(server)
        return server

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *unused) -> None:
        self.destroy()

    def start(self) -> None:
        self.etcd.start()
        self.server.start()

    @property
    def admin(self) -> Client:
        return self.server.admin

    def client(self, token: str = None) -> Client:
        """Of the first server; anonymous without a token."""
        return Client(self.server.port, self.credentials.authority, token=token)

    def new_namespace(self) -> str:
        """Empty. It stays: nobody here collects what is in a namespace that is deleted."""
        self._namespaces += 1
        name = f"test{self._namespaces}"
        self.admin.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def repair(self) -> None:
        """Whatever a test did: etcd and the first server run, no other does."""
        for other in self.servers[1:]:
            other.kill9()
        del self.servers[1:]
        for program in (self.etcd, self.server):
            program.thaw()
            if program.was_terminated:
                program.kill9()
            if not program.is_running():
                program.start()

    def destroy(self) -> None:
        for program in (*self.servers, self.etcd):
            program.kill9()
        if os.environ.get("PGSTEER_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


__all__ = ["KubeApi"]
