"""Load b: pgbench on a real PostgreSQL 15."""
import contextlib
import os
import tempfile
from pathlib import Path

from harness.cluster import BIN_DIR, PgCluster
from reporting.figures import quantile

from . import meter
from .programs import USER, LoadFailed, start, stop

SCALE = 10
# The data stays in memory and nothing is flushed: what is measured is the way there and back.
SETTINGS = {"shared_buffers": "512MB", "max_connections": "200", "fsync": "off", "synchronous_commit": "off",
            "autovacuum": "off", "max_wal_size": "4GB", "log_connections": "off", "log_disconnections": "off"}
HBA = f"host all {USER},pgsteer 0.0.0.0/0 trust\n"


class Postgres:
    """Flow: with Postgres(hosts) as backend -> backend.address, backend.port."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.cluster = PgCluster(backends=1, settings=SETTINGS,
                                 network=hosts if hosts.placement.is_in_network else None)

    def __enter__(self):
        try:
            self.cluster.start()
            self._fill(self.cluster.primary)
        except BaseException:
            self.cluster.destroy()
            raise
        return self

    def __exit__(self, *unused) -> None:
        self.cluster.destroy()

    def _fill(self, backend) -> None:
        for pid in meter.family(backend.pid):
            with contextlib.suppress(ProcessLookupError):  # Its workers come and go.
                os.sched_setaffinity(pid, self.hosts.cores)
        hba = backend.data / "pg_hba.conf"
        hba.write_text(HBA + hba.read_text())
        backend.sql("select pg_reload_conf()")
        backend.sql(f"create role {USER} login")
        backend.sql(f"create database {USER} owner {USER}")
        backend.command("pgbench", "-i", "-q", "-s", SCALE, "-h", backend.socket_folder, "-p", backend.port,
                        "-U", "postgres", USER)
        backend.sql(f"grant all on all tables in schema public to {USER}", USER)

    @property
    def address(self) -> str:
        return self.cluster.primary.address

    def try_command(self, ip: str, port: int) -> list:
        """One session with one query."""
        return self.hosts.client.command([BIN_DIR / "psql", "-h", ip, "-p", port, "-U", USER, "-c", "select 1", USER])

    @property
    def port(self) -> int:
        return self.cluster.primary.port


def measure(hosts, proxy, arguments: dict, seconds: float) -> dict:
    """arguments: script (of pgbench's own) and clients."""
    with tempfile.TemporaryDirectory(prefix="load-pgbench-") as folder:
        log = Path(folder) / "transactions"
        words = [BIN_DIR / "pgbench", "-n", "-M", "prepared", "-b", arguments["script"], "-c", arguments["clients"],
                 "-j", 1, "-T", max(1, round(seconds)), "-l", "--log-prefix", log,
                 "-h", proxy.ip, "-p", proxy.port, "-U", USER, USER]
        before = meter.cpu_seconds(proxy.pid) if proxy.pid else 0
        with open(Path(folder) / "words", "w+", encoding="utf-8") as said:
            process = start(hosts.client, words, stdout=said, stderr=said)
            try:
                code = process.wait(seconds + 60)
            finally:
                stop(process)
            said.seek(0)
            text = said.read()
        used = meter.cpu_seconds(proxy.pid) - before if proxy.pid else 0
        if code != 0:
            raise LoadFailed(f"pgbench: {text}")
        # client_id transaction_no time script_no time_epoch time_us -- pgbench.html, Per-Transaction Logging
        lines = [line.split() for path in Path(folder).glob("transactions.*") for line in path.open()]
    latencies = [int(fields[2]) for fields in lines]
    tps = next(float(line.split()[2]) for line in text.splitlines() if line.startswith("tps ="))
    record = {"count": len(lines), "rate": tps, "seconds": len(lines) / tps,
              **{key: quantile(latencies, q) for key, q in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999))}}
    if proxy.pid:
        record |= {"proxy_cpu_seconds": used, "cpu_us_each": used * 1e6 / len(lines),
                   "memory_after": meter.user_memory_bytes(proxy.pid)}
    return record
