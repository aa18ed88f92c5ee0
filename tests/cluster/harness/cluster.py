"""A PostgreSQL cluster with streaming replication in a temporary folder: three backends unless told otherwise.

Roles: app owns appdb, pgsteer may only log in (for the probes), replicator replicates; all by SCRAM.

Flow: with PgCluster() as cluster -> cluster.primary, cluster.standbys() -> kill9, promote, follow, rejoin.
"""
import os
import shutil
from pathlib import Path

from . import processes
from .backend import Backend
from .certificates import make_certificates
from .folders import make_folder
from .wait import free_port, wait_until

BIN_DIR = Path("/usr/lib/postgresql/15/bin")
APP_PASSWORD = "app-secret"
PROBE_PASSWORD = "probe-secret"
REPLICATION_PASSWORD = "replication-secret"

# fsync is off: the machine itself never crashes in a test. wal_keep_size lets a standby of the dead primary
# go on from its successor without slots. By mmap a killed backend's shared memory goes with its folder; else it stays
# in /dev/shm.
SETTINGS = {
    "shared_buffers": "32MB", "max_connections": "300", "fsync": "off", "wal_level": "logical",
    "wal_keep_size": "512MB", "max_wal_senders": "20", "max_replication_slots": "10",
    "hot_standby": "on", "wal_retrieve_retry_interval": "100ms", "wal_log_hints": "on", "log_connections": "on",
    "log_disconnections": "on", "log_line_prefix": "'%m [%p] '", "password_encryption": "scram-sha-256",
    "timezone": "'UTC'", "dynamic_shared_memory_type": "mmap",
}
HBA = """local all postgres trust
local all all scram-sha-256
host all all {clients} scram-sha-256
host replication replicator {clients} scram-sha-256
"""


class PgCluster:
    def __init__(self, backends: int = 3, tls: bool = False, bin_dir: Path = BIN_DIR, settings: dict = None,
                 environment: dict = None, app_password: str = APP_PASSWORD, network=None,
                 prefix: str = "backend"):
        """network: a network.Network or a loopback.Loopback; each backend runs on a host of its own there, all on its port.
        prefix: of the backends' and hosts' names, for a second cluster on one network."""
        processes.adopt_orphans()
        processes.own_shared_memory()
        self.network = network
        self.folder = make_folder("pgsteer-cluster-")
        self.app_password = app_password
        self.settings = {**SETTINGS, **(settings or {})}
        self.certificates = make_certificates(self.folder) if tls else None
        self.backends = [self._make_backend(f"{prefix}{i}", bin_dir, environment) for i in range(backends)]
        for folder in [self.folder / "sockets"] + [backend.socket_folder for backend in self.backends]:
            folder.mkdir(exist_ok=True)
            processes.give_to_postgres(folder)
        self.primary_index = 0

    def _make_backend(self, name: str, bin_dir: Path, environment: dict) -> Backend:
        if self.network:
            return Backend(name, self.folder, bin_dir, self.network.port, environment, self.network.add(name))
        return Backend(name, self.folder, bin_dir, free_port(), environment)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *unused) -> None:
        self.destroy()

    @property
    def primary(self) -> Backend:
        return self.backends[self.primary_index]

    def standbys(self) -> list:
        return [b for b in self.backends if b is not self.primary and b.is_running()]

    def start(self, progress=lambda text: None) -> None:
        first = self.backends[0]
        progress(f"initdb of {first.name} in {self.folder}")
        first.command("initdb", "-D", first.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
                      "--locale=C.UTF-8")
        self._write_settings(first)
        first.start()
        self._create_roles(first)
        progress(f"{first.name} is the primary, on port {first.port}")
        for i in range(1, len(self.backends)):
            self.rejoin(i)
            progress(f"{self.backends[i].name} is a standby, on port {self.backends[i].port}")
        self.wait_replicated()

    def _write_settings(self, backend: Backend) -> None:
        settings = dict(self.settings)
        if self.certificates:
            settings |= {"ssl": "on", "ssl_cert_file": f"'{self.certificates.certificate}'",
                         "ssl_key_file": f"'{self.certificates.key}'"}
        with open(backend.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{key} = {value}\n" for key, value in settings.items())
        clients = self.network.subnet if self.network else "127.0.0.1/32"
        (backend.data / "pg_hba.conf").write_text(HBA.format(clients=clients))

    def _create_roles(self, backend: Backend) -> None:
        backend.sql(f"create role app login password '{self.app_password}'")
        backend.sql(f"create role pgsteer login password '{PROBE_PASSWORD}'")
        backend.sql(f"create role replicator login replication password '{REPLICATION_PASSWORD}'")
        backend.sql("create database appdb owner app")

    def conninfo_for_replication(self, backend: Backend) -> str:
        return f"host={backend.ip} port={backend.port} user=replicator password={REPLICATION_PASSWORD}"

    def rejoin(self, i: int) -> None:
        """Backend i starts anew as a standby of the present primary, from a fresh base backup."""
        backend = self.backends[i]
        assert backend is not self.primary
        backend.remove_data()
        backend.command("pg_basebackup", "-D", backend.data, "-d", self.conninfo_for_replication(self.primary), "-R",
                        "-X", "stream", "-c", "fast", "--no-sync")
        backend.start()

    def promote(self, i: int, followers_follow: bool = True) -> None:
        """Backend i becomes the primary; the other running standbys are pointed to it."""
        self.backends[i].promote()
        self.primary_index = i
        if followers_follow:
            for j, other in enumerate(self.backends):
                if j != i and other.is_running() and other.is_in_recovery():
                    self.follow(j, i)

    def follow(self, i: int, j: int) -> None:
        """Standby i streams from backend j from now on."""
        conninfo = self.conninfo_for_replication(self.backends[j])
        self.backends[i].sql(f"alter system set primary_conninfo = '{conninfo}'")
        self.backends[i].sql("select pg_reload_conf()")

    def wait_replicated(self, timeout: float = 120) -> None:
        """Every running standby has replayed all that the primary has written."""
        lsn = self.primary.sql("select pg_current_wal_lsn()")
        for standby in self.standbys():
            wait_until(lambda s=standby: s.sql(f"select pg_last_wal_replay_lsn() >= '{lsn}'") == "t", timeout,
                       f"{standby.name} to replay {lsn}")

    def repair(self) -> None:
        """Whatever a test did: one primary, every other backend its standby."""
        for backend in self.backends:
            backend.thaw()
        if not self.primary.is_running():
            self.primary.start()
        for i, backend in enumerate(self.backends):
            if i != self.primary_index and not self._streams(backend):
                self.rejoin(i)
        self.wait_replicated()

    def _streams(self, backend: Backend) -> bool:
        if not backend.is_running() or not backend.is_in_recovery():
            return False
        conninfo = backend.sql("show primary_conninfo")
        status = backend.sql("select status from pg_stat_wal_receiver")
        source = {f"host={self.primary.ip}", f"port={self.primary.port}"}
        return source <= set(conninfo.split()) and status == "streaming"

    def conninfo(self, port: int, user: str = "app", password: str = None, dbname: str = "appdb",
                 host: str = "127.0.0.1") -> dict:
        password = self.app_password if password is None else password
        return {"host": host, "port": port, "user": user, "password": password, "dbname": dbname}

    def destroy(self) -> None:
        for backend in self.backends:
            backend.kill9()
        if os.environ.get("PGSTEER_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
