"""A PostgreSQL cluster run by Debian's Patroni and etcd, each member on a host of its own. Needs root.

Nothing here decides who is primary: Patroni does. Tests kill, freeze, cut off and ask.

Flow: with Network() as network, PatroniCluster(network) as cluster -> cluster.primary(), cluster.standbys() ->
cluster.switchover(to), member.crash(), member.freeze_agent(), cluster.cut_off(member) -> cluster.repair().
"""
import http.client
import json
import shutil
import signal
import subprocess
from pathlib import Path

from . import processes
from .backend import Backend
from .cluster import APP_PASSWORD, BIN_DIR, PROBE_PASSWORD, REPLICATION_PASSWORD, SETTINGS
from .folders import make_folder
from .network import Host, Network
from .wait import wait_until

AGENT = Path("/usr/bin/patroni")
ETCD = Path("/usr/bin/etcd")
SUPERUSER_PASSWORD = "superuser-secret"
REST_PORT = 8008
ETCD_PORT = 2379

# In seconds. Patroni's own rule is loop_wait + 2 * retry_timeout <= ttl. A primary that is gone is replaced ttl
# after its last sign of life; one that is cut off from etcd demotes itself after retry_timeout, before that.
# On a busy machine a healthy Patroni needs two seconds now and then: by the quick times it would fail over by itself.
PATIENT_TIMING = {"ttl": 15, "loop_wait": 1, "retry_timeout": 7}
QUICK_TIMING = {"ttl": 6, "loop_wait": 1, "retry_timeout": 2}

# Patroni's postgres is nobody's child; where pid 1 does not reap, its zombie looks alive to Patroni. This parent
# adopts and reaps as an init would, and ends when nothing is left.
INIT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
agent = os.fork()
if agent == 0:
    os.execv(sys.argv[2], sys.argv[2:])
with open(sys.argv[1], "w") as pid_file:
    pid_file.write(str(agent))
signal.signal(signal.SIGTERM, lambda *_: os.kill(agent, signal.SIGTERM))
while True:
    try:
        os.wait()
    except ChildProcessError:
        sys.exit(0)
"""


class Member(Backend):
    """One PostgreSQL and its Patroni."""

    def __init__(self, name: str, folder: Path, host: Host, etcd: str, timing: dict):
        super().__init__(name, folder, BIN_DIR, 5432, host=host)
        self.init = None
        self.is_agent_frozen = False
        self.agent_log_path = folder / f"{name}.patroni.log"
        self.agent_pid_path = folder / f"{name}.patroni.pid"
        self.config_path = folder / f"{name}.yml"
        self.socket_folder.mkdir(parents=True)
        self.config_path.write_text(json.dumps(self._config(etcd, timing)))  # JSON is YAML.
        for path in (self.socket_folder, self.config_path):
            processes.give_to_postgres(path)
        self.config_path.chmod(0o600)

    def _config(self, etcd: str, timing: dict) -> dict:
        clients = self.host.address.rpartition(".")[0] + ".0/24"
        return {
            "scope": "pgsteer", "name": self.name,
            "restapi": {"listen": f"{self.ip}:{REST_PORT}", "connect_address": f"{self.ip}:{REST_PORT}"},
            "etcd3": {"host": etcd},
            "bootstrap": {
                "dcs": {**timing, "postgresql": {"use_pg_rewind": True, "use_slots": True}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "no-sync"],
            },
            "postgresql": {
                "listen": self.address, "connect_address": self.address, "use_unix_socket": True,
                "data_dir": str(self.data), "bin_dir": str(self.bin_dir),
                "pgpass": str(self.config_path.with_suffix(".pgpass")),
                "authentication": {
                    "superuser": {"username": "postgres", "password": SUPERUSER_PASSWORD},
                    "replication": {"username": "replicator", "password": REPLICATION_PASSWORD},
                },
                "basebackup": [{"checkpoint": "fast"}, "no-sync"],
                "parameters": {
                    **{key: value.strip("'") for key, value in SETTINGS.items()},
                    "unix_socket_directories": str(self.socket_folder), "wal_sender_timeout": "10s",
                },
                "pg_hba": ["local all postgres trust", "local all all scram-sha-256",
                           f"host all all {clients} scram-sha-256",
                           f"host replication replicator {clients} scram-sha-256"],
            },
        }

    @property
    def pid(self) -> int:
        """Of the postmaster; 0 if there is none."""
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return 0

    def is_running(self) -> bool:
        return self.pid != 0 and processes.is_alive(self.pid)

    def has_agent(self) -> bool:
        return self.init is not None and self.init.poll() is None

    def start(self, wait: bool = True) -> None:
        """Patroni, which starts PostgreSQL when it sees fit."""
        assert not self.has_agent(), f"{self.name} runs already"
        self._remove_stale_locks()
        command = ["/usr/bin/python3", "-c", INIT, self.agent_pid_path, AGENT, self.config_path]
        with open(self.agent_log_path, "ab") as log:
            self.init = subprocess.Popen(
                self.host.command(command, as_postgres=True, dies_with_parent="TERM"), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.config_path.parent, start_new_session=True)
        if wait:
            wait_until(lambda: self.sql("select 1") == "1", 120, f"{self.name} to accept connections")

    def crash(self) -> None:
        """kill -9 of everything on this host: PostgreSQL and its Patroni, as a machine that loses power."""
        stopped = []
        while pids := [pid for pid in self.host.pids() if pid not in stopped]:
            # Stopped before the first is killed: nobody lives a moment longer than another, nobody forks.
            processes.send(pids, signal.SIGSTOP)
            stopped += pids
        processes.send(stopped, signal.SIGKILL)
        processes.wait_gone(stopped)
        if self.init is not None:
            self.init.wait(60)
        self.is_agent_frozen = False

    kill9 = crash

    def _agent_pid(self) -> int:
        return int(self.agent_pid_path.read_text())

    def freeze_agent(self) -> None:
        """Patroni hangs, and there is no watchdog: PostgreSQL goes on whatever happens to the lock in etcd."""
        processes.send([self._agent_pid()], signal.SIGSTOP)
        self.is_agent_frozen = True

    def request(self, method: str, path: str, body: dict = None, timeout: float = 30) -> tuple:
        """(status, body) of Patroni's REST API."""
        connection = http.client.HTTPConnection(self.ip, REST_PORT, timeout=timeout)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def agent_log_text(self) -> str:
        return self.agent_log_path.read_text(errors="replace") if self.agent_log_path.exists() else ""


class PatroniCluster:
    """What Pgsteer and the fixtures need of a cluster, run by Patroni."""

    def __init__(self, network: Network, members: int = 3, timing: dict = None):
        """timing: QUICK_TIMING where times are measured, on a machine that does nothing else."""
        missing = [program for program in (AGENT, ETCD) if not program.exists()]
        assert not missing, f"{missing} not found; install the packages patroni and etcd-server"
        processes.adopt_orphans()
        processes.own_shared_memory()
        self.network = network
        self.app_password = APP_PASSWORD
        self.folder = make_folder("pgsteer-patroni-")
        self.etcd_host = network.add("etcd")
        self.etcd = None
        self.timing = timing or PATIENT_TIMING
        self.backends = [self._make_member(f"backend{i}") for i in range(members)]

    def _make_member(self, name: str) -> Member:
        return Member(name, self.folder, self.network.add(name), f"{self.etcd_host.address}:{ETCD_PORT}", self.timing)

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
        self._start_etcd()
        first, *others = self.backends
        first.start()
        # Patroni restarts PostgreSQL while it sets it up, so its own word counts.
        wait_until(lambda: first.request("GET", "/primary")[0] == 200, 120, f"{first.name} to be the primary")
        first.sql(f"create role app login password '{APP_PASSWORD}'")
        first.sql(f"create role pgsteer login password '{PROBE_PASSWORD}'")
        first.sql("create database appdb owner app")
        for member in others:
            member.start(wait=False)
        self.wait_whole()

    def _start_etcd(self) -> None:
        address = self.etcd_host.address
        clients, peers = f"http://{address}:{ETCD_PORT}", f"http://{address}:2380"
        command = [ETCD, "--name", "etcd", "--data-dir", self.folder / "etcd", "--log-level", "warn", "--logger", "zap",
                   "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                   "--initial-advertise-peer-urls", peers, "--initial-cluster", f"etcd={peers}"]
        with open(self.folder / "etcd.log", "ab") as log:
            self.etcd = subprocess.Popen(self.etcd_host.command(command, as_postgres=True, dies_with_parent="KILL"),
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_until(self._etcd_is_healthy, what="etcd to be healthy")

    def _etcd_is_healthy(self) -> bool:
        connection = http.client.HTTPConnection(self.etcd_host.address, ETCD_PORT, timeout=30)
        connection.request("GET", "/health")
        return json.loads(connection.getresponse().read())["health"] == "true"

    def primary(self) -> Member:
        """Who PostgreSQL says it is; with two, the one on the higher timeline."""
        found = [member for member in self.backends if member.is_running() and not member.is_in_recovery()]
        return max(found, key=timeline_of)

    def standbys(self) -> list:
        primary = self.primary()
        return [member for member in self.backends if member is not primary and member.is_running()]

    def switchover(self, to: Member) -> None:
        """Planned, by Patroni's REST API; returns when Patroni says it is done."""
        primary = self.primary()
        # tidy: allow leader - Patroni's word
        wish = {"leader": primary.name, "candidate": to.name}
        status, body = primary.request("POST", "/switchover", wish, timeout=120)
        assert status == 200, f"{status} {body}"

    def cut_off(self, member: Member) -> None:
        """The member no longer reaches etcd nor the other members, nor they it. Clients still do."""
        for host in [self.etcd_host] + [other.host for other in self.backends if other is not member]:
            self.network.blackhole(member.host, host)

    def wait_whole(self, timeout: float = 180) -> None:
        """One primary; everyone else streams from it."""
        wait_until(self._is_whole, timeout, "all members to stream from one primary", every=0.1)

    def _is_whole(self) -> bool:
        for member in self.backends:
            assert member.is_running() and member.has_agent(), f"{member.name} does not run"
        primary = self.primary()
        streaming = primary.sql("select count(*) from pg_stat_replication where state = 'streaming'"
                                " and application_name like 'backend%'")
        assert streaming == str(len(self.backends) - 1), f"{streaming} standbys stream from {primary.name}"
        status, body = primary.request("GET", "/primary")
        assert status == 200, f"Patroni of {primary.name}: {status} {body}"
        return True

    def repair(self) -> None:
        """Whatever a test did: the network whole, every Patroni at work, every member in its place."""
        self.network.heal()
        for member in self.backends:
            # Thawed, it would end the step that it was in: it may take the lock back and leave two timelines.
            if member.is_agent_frozen:
                member.crash()
            if not member.has_agent():
                member.start(wait=False)
        try:
            self.wait_whole()
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log_text()}") from error

    def conninfo(self, port: int, host: str, user: str = "app", password: str = APP_PASSWORD,
                 dbname: str = "appdb") -> dict:
        return {"host": host, "port": port, "user": user, "password": password, "dbname": dbname}

    def log_text(self, bytes_each: int = 3000) -> str:
        return "\n".join(f"--- Patroni of {member.name} ends:\n{member.agent_log_text()[-bytes_each:]}"
                         for member in self.backends)

    def destroy(self) -> None:
        for host in [member.host for member in self.backends] + [self.etcd_host]:
            pids = host.pids()
            processes.send(pids, signal.SIGKILL)
            processes.wait_gone(pids)
        shutil.rmtree(self.folder, ignore_errors=True)


def timeline_of(member: Member) -> int:
    return int(member.sql("select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16)


__all__ = ["Member", "PatroniCluster", "QUICK_TIMING", "timeline_of"]
