"""Upgrades and reloads, one behind the other, while all kinds of sessions go on. Started by scripts/soak upgrades.

Nobody may notice: no login is refused or reset, no session is lost, every byte of every COPY is right, and a configuration
with a typing error changes nothing.
"""
import argparse
import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "cluster")]
import psycopg2  # noqa: E402
from harness import processes  # noqa: E402
from harness.backend import PSQL  # noqa: E402
from harness.cluster import PgCluster  # noqa: E402
from harness.proxy import Pgsteer, patient  # noqa: E402
from harness.queries import ask  # noqa: E402
from harness.wire import WireClient  # noqa: E402

IDLE, TRANSACTIONS, ENCRYPTED, COPIES = 500, 50, 20, 4
LOGINS_PER_SECOND, LOGIN_THREADS = 300, 30
COPY_ROWS = 100_000
RELOADS_PER_UPGRADE, BROKEN_PER_UPGRADE = 10, 1
ROWS = b"".join(b"%d\t%s\n" % (n, hashlib.md5(str(n).encode()).hexdigest().encode()) for n in range(1, COPY_ROWS + 1))


class Worker(threading.Thread):
    """Does the same again and again until it is told to stop; what went wrong, and how often it went well."""

    def __init__(self, act, pause: float = 0.0):
        super().__init__(daemon=True)
        self.act, self.pause = act, pause
        self.done, self.errors = 0, []
        self.is_over = threading.Event()
        self.start()

    def run(self) -> None:
        due = time.monotonic()
        while not self.is_over.is_set():
            try:
                self.act()
                self.done += 1
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(f"{type(error).__name__}: {str(error).strip()}")
            due = max(due + self.pause, time.monotonic() - 1)
            self.is_over.wait(max(0.0, due - time.monotonic()))

    def stop(self) -> None:
        self.is_over.set()
        self.join(120)
        if self.is_alive():
            self.errors.append("no end of it for more than 120 s")


class World:
    def __init__(self, cluster, proxy):
        self.cluster, self.proxy = cluster, proxy
        self.idle = [WireClient(proxy.rw_port if i % 2 else proxy.ro_port).login("app", cluster.app_password, "appdb")
                     for i in range(IDLE)]
        self.idle_pids = [client.query("select pg_backend_pid()") for client in self.idle]
        self.open = [self._connect() for _ in range(TRANSACTIONS)]
        for connection in self.open:
            ask(connection, "begin")
            ask(connection, "create temporary table rounds (n int)")
        self.rounds = [0] * TRANSACTIONS
        self.encrypted = [self._connect(sslmode="require") for _ in range(ENCRYPTED)]
        self.listener, self.notifier = self._connect(), self._connect()
        ask(self.listener, "listen news")
        self.notified = 0
        ask(self.notifier, "create table copied (n int, t text)")
        self._psql(r"\copy copied from stdin", ROWS)
        for i in range(COPIES):
            ask(self.notifier, f"create table uploaded{i} (n int, t text)")
        self.groups = {
            "logins": [Worker(self._log_in, LOGIN_THREADS / LOGINS_PER_SECOND) for _ in range(LOGIN_THREADS)],
            "questions in transactions": [Worker(lambda i=i: self._insert(i), 0.5) for i in range(TRANSACTIONS)],
            "questions in encrypted sessions": [Worker(lambda c=c: ask(c, "select 1"), 0.2) for c in self.encrypted],
            "notifications": [Worker(self._notify, 0.1)],
            "COPY out": [Worker(lambda mode=mode: self._download(mode)) for mode in ("disable", "require") * (COPIES // 2)],
            "COPY in": [Worker(lambda i=i: self._upload(i)) for i in range(COPIES)]}

    def _connect(self, **changes):
        connection = psycopg2.connect(**{**self.cluster.conninfo(self.proxy.rw_port), "sslmode": "disable", **changes})
        connection.autocommit = True
        return connection

    def _log_in(self) -> None:
        connection = self._connect()
        ask(connection, "select 1")
        connection.close()

    def _insert(self, i: int) -> None:
        ask(self.open[i], "insert into rounds values (1)")
        self.rounds[i] += 1

    def _notify(self) -> None:
        ask(self.notifier, "notify news")
        self.notified += 1

    def _psql(self, statement: str, data: bytes = b"", sslmode: str = "disable") -> bytes:
        environment = {**os.environ, "PGPASSWORD": self.cluster.app_password, "PGSSLMODE": sslmode,
                       "PGOPTIONS": "-c synchronize_seqscans=off"}
        return subprocess.run([PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.proxy.rw_port),
                               "-U", "app", "-d", "appdb", "-c", statement], input=data, env=environment, check=True,
                              capture_output=True).stdout

    def _download(self, sslmode: str) -> None:
        assert self._psql(r"\copy copied to stdout", sslmode=sslmode) == ROWS, "other bytes than were copied in"

    def _upload(self, i: int) -> None:
        self._psql(f"truncate uploaded{i}")
        self._psql(rf"\copy uploaded{i} from stdin", ROWS)
        assert self._psql(rf"\copy uploaded{i} to stdout") == ROWS, "other bytes than were sent"

    def stop(self) -> list:
        """What went wrong, in all."""
        problems = []
        for what, workers in self.groups.items():
            for worker in workers:
                worker.stop()
            errors = [error for worker in workers for error in worker.errors]
            print(f"{what}: {sum(worker.done for worker in workers):,} went well, {len(errors)} did not", flush=True)
            problems += [f"{what}: {error}" for error in errors[:10]]
        for connection, rounds in zip(self.open, self.rounds):
            if ask(connection, "select count(*) from rounds") != rounds:
                problems.append("a transaction has not all that was inserted in it")
            ask(connection, "commit")
        for client, pid in zip(self.idle, self.idle_pids):
            if client.query("select pg_backend_pid()") != pid:
                problems.append("an idle session is another one")
        ask(self.listener, "select 1")
        if len(self.listener.notifies) != self.notified:
            problems.append(f"{len(self.listener.notifies)} of {self.notified} notifications came")
        return problems


def change(proxy, number: int) -> None:
    """Reloads: each with another value, the last of them with a typing error."""
    good = proxy.config_path.read_text()
    for i in range(RELOADS_PER_UPGRADE - BROKEN_PER_UPGRADE):
        good = good.split("drain_timeout")[0] + f"drain_timeout: {20 + (number + i) % 20}s\n"
        proxy.config_path.write_text(good)
        done = proxy.command("reload")
        if done.returncode != 0:
            raise RuntimeError(f"reload: {done.stdout}{done.stderr}")
    effective = proxy.command("config").stdout
    proxy.config_path.write_text(good.replace("listeners:", "listenrs:"))
    if proxy.command("reload").returncode != 2 or proxy.command("config").stdout != effective:
        raise RuntimeError("a broken file was not refused, or has changed something")
    proxy.config_path.write_text(good)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak upgrades")
    parser.add_argument("--upgrades", type=int, default=100)
    options = parser.parse_args()
    processes.adopt_orphans()
    binary = Path(os.environ["PGSTEER_BINARY"])
    with PgCluster(tls=True, settings={"max_connections": "1000"}) as cluster, \
            Pgsteer(cluster, binary, **patient(extra="drain_timeout: 30s\n")) as proxy:
        world = World(cluster, proxy)
        problems = []
        try:
            for number in range(options.upgrades):
                change(proxy, number)
                proxy.upgrade()
                if (number + 1) % 10 == 0:
                    print(f"{number + 1} upgrades, {(number + 1) * RELOADS_PER_UPGRADE} reloads", flush=True)
        except (AssertionError, RuntimeError, subprocess.SubprocessError) as error:
            problems.append(str(error))
        problems += world.stop()
    for problem in problems:
        print(problem)
    print("nobody has noticed" if not problems else "NOTICED")
    return 0 if not problems else 1


if __name__ == "__main__":
    sys.exit(main())
