"""The whole bed, inside an enclosure: etcd, the API server, a machine, the operator and its Cluster.

Flow: run_enclosed(folder, body), and in body: with Bed(folder, programs) as bed -> bed.cnpg ... Nothing is cleared up
at the end: the enclosure's end is that of everything in it.
"""
import subprocess
import time
from pathlib import Path

from harness.certificates import LOCAL_NAMES
from harness.processes import CommandFailed
from kube_api.credentials import Credentials, write_kubeconfig
from kube_api.etcd import Etcd
from kube_api.programs import Unavailable, programs_folder

from .cnpg import LABELS, Cnpg
from .machine import ADDRESS, Machine, MachineApiServer, plug_in

HERE = Path(__file__).parents[1]
# What the API server is called: by the machine's programs, and by pods as the first address of the Services' range.
SERVER_NAMES = LOCAL_NAMES + f",DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:{ADDRESS},IP:10.96.0.1"


class Programs:
    """Both folders of programs; they are built if they are not there yet. Outside of an enclosure: that needs the
    machine's network. Raises Unavailable."""

    def __init__(self):
        self.api = programs_folder()
        done = subprocess.run([HERE / "build"], text=True, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise Unavailable(f"{HERE / 'build'} ended with {done.returncode}")
        self.rest = Path(done.stdout.strip())


class Bed:
    def __init__(self, folder: Path, programs: Programs):
        """folder: an empty one."""
        self.folder = folder
        self._began = time.monotonic()
        self.programs = programs
        (folder / "logs").mkdir()
        (folder / "api").mkdir()
        self.credentials = Credentials(folder / "api", SERVER_NAMES)
        self.kubeconfig = folder / "kubeconfig"

    def __enter__(self):
        plug_in()
        self.etcd = Etcd(self.folder / "api", self.programs.api)
        self.server = MachineApiServer(self.folder / "api", self.programs.api, self.etcd, self.credentials,
                                       "apiserver", [])
        self.etcd.start()
        self.server.start()
        self._tell("the Kubernetes API answers")
        write_kubeconfig(self.kubeconfig, f"https://{ADDRESS}:{self.server.port}", self.credentials)
        self.machine = Machine(self.folder, self.programs.rest, self.server, self.credentials, self.kubeconfig)
        self.machine.start(self.programs.rest / "images.tar", LABELS)
        self._tell("the machine is ready")
        self.cnpg = Cnpg(self.machine, self.server.admin, self.programs.rest, self.kubeconfig, self.folder)
        self.cnpg.start_operator()
        self._tell("the operator is ready")
        self.cnpg.start_cluster(HERE / "cluster.yaml")
        self._tell("the Cluster is healthy")
        return self

    def __exit__(self, kind, error, unused) -> None:
        if isinstance(error, (CommandFailed, TimeoutError)):
            print(f"logs: {self.folder / 'logs'}")

    def _tell(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s: {what}", flush=True)

    def must_run(self) -> bool:
        return self.etcd.must_run() and self.server.must_run() and self.machine.must_run()


__all__ = ["Bed", "HERE", "Programs"]
