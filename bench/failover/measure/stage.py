"""The real cluster that everything is measured on: three PostgreSQL 15, on loopback or each on a host of its own.

pod_stage.py has a third one, where they are pods.
"""
import contextlib
import random

from harness import processes
from harness.cluster import PgCluster
from harness.network import Network
from harness.wait import free_port, wait_until

from . import load
from .clients import Programs
from .haproxy import CHECK_PORT_APART, CHECK_USER

# The 500 logins of the crowd, and room for everybody else.
SETTINGS = {"max_connections": "800", "log_connections": "off", "log_disconnections": "off"}
# HAProxy cannot answer SCRAM; pgbench and the oracle need not. Both ways of logging in are measured with clients.
HBA = f"host all load,oracle,trusted,{CHECK_USER} samenet trust\n"
# The oracle is refused a thousand times a second; its refusals are not worth a log.
SQL = f"""create role load login; create role oracle login; create role {CHECK_USER} login; create role trusted login;
alter role oracle set log_min_messages = panic; grant app to load, trusted;
grant create on schema public to load"""
TABLES = """create table writes (value bigint); create table oracle_writes (value bigint);
grant insert, select on writes to app, trusted; grant insert on oracle_writes to oracle"""

# A standby that has not found its new primary by then will not.
STREAMS_SECONDS = 3


class Stage:
    """On loopback."""

    # Of the proxies that can be in front of it.
    families = ("pgsteer", "haproxy")
    # Of the proxy: where it listens, and the network.Host it runs on.
    ip, proxy_host = "127.0.0.1", None
    # cluster.backends of pgsteer's configuration; None: a static list.
    source = None

    def __init__(self, programs: Programs, network=None):
        """network: where the backends are, else all at one address."""
        self.programs = programs
        self.cluster = PgCluster(settings=SETTINGS, network=network)
        self.ports = (free_port(), free_port(), free_port())
        self.next_value = 1

    @staticmethod
    def provide() -> None:
        """Builds what such a stage needs and nobody has built yet."""

    def __enter__(self):
        try:
            self.cluster.start()
            self._prepare()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *unused) -> None:
        self.close()

    def close(self) -> None:
        self.cluster.destroy()

    def _prepare(self) -> None:
        for backend in self.cluster.backends:
            hba = backend.data / "pg_hba.conf"
            hba.write_text(HBA + hba.read_text())
            backend.sql("select pg_reload_conf()")
        primary = self.cluster.primary
        primary.sql(SQL)
        primary.sql("grant create on schema public to load", "appdb")
        primary.sql(TABLES, "appdb")
        wait_until(lambda: load.fill(primary) is None, what="the new rules of pg_hba.conf")
        self.cluster.wait_replicated()

    def values(self, count: int) -> int:
        """The first of so many values that nobody else writes."""
        first, self.next_value = self.next_value, self.next_value + count
        return first

    def choose_successor(self) -> int:
        return random.choice([i for i, b in enumerate(self.cluster.backends) if b is not self.cluster.primary])

    def promote(self, i: int) -> None:
        """As an HA manager orders it: without waiting for the end of recovery."""
        backend = self.cluster.backends[i]
        backend.command("pg_ctl", "promote", "-W", "-D", backend.data)
        self.cluster.primary_index = i

    def follow_and_rejoin(self, old_index: int) -> None:
        """Three backends again: the one that stayed follows the new primary, the old one starts anew."""
        self._follow(old_index)
        self.cluster.backends[old_index].kill9()
        self.cluster.rejoin(old_index)
        self._make_whole()

    def return_as_standby(self, old_index: int) -> None:
        """After a planned stop the old primary's data is the new one's past, so it simply follows."""
        self._follow(old_index)
        old = self.cluster.backends[old_index]
        conninfo = self.cluster.conninfo_for_replication(self.cluster.primary)
        with open(old.data / "postgresql.auto.conf", "a", encoding="utf-8") as conf:
            conf.write(f"primary_conninfo = '{conninfo}'\n")
        signal_file = old.data / "standby.signal"
        signal_file.touch()
        processes.give_to_postgres(signal_file)
        old.start()
        self._make_whole()

    def _follow(self, old_index: int) -> None:
        new_index = self.cluster.primary_index
        for i in range(len(self.cluster.backends)):
            if i not in (old_index, new_index):
                self.cluster.follow(i, new_index)

    def _make_whole(self) -> None:
        """Two standbys stream. One that had received more than the promoted one cannot: it starts anew."""
        wanted = {backend.name for backend in self.cluster.backends if backend is not self.cluster.primary}
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self._streaming() == wanted, STREAMS_SECONDS, "both standbys to stream", 0.05)
        for i, backend in enumerate(self.cluster.backends):
            if backend.name in wanted - self._streaming():
                self.cluster.rejoin(i)
        wait_until(lambda: self._streaming() == wanted, 30, "both standbys to stream", 0.05)

    def _streaming(self) -> set:
        statement = "select application_name from pg_stat_replication where state = 'streaming'"
        return set(self.cluster.primary.sql(statement).split()) & {backend.name for backend in self.cluster.backends}

    def missing_values(self, values: list) -> list:
        """Those that the present primary does not have."""
        if not values:
            return []
        statement = f"select value from writes where value between {min(values)} and {max(values)}"
        present = {int(line) for line in self.cluster.primary.sql(statement, "appdb").split()}
        return sorted(set(values) - present)


class NetworkStage(Stage):
    """In network namespaces, for the faults of wires; the proxy has a host of its own."""

    def __init__(self, programs: Programs):
        self.network = Network()
        self.proxy_host = self.network.add("proxy")
        self.ip = self.proxy_host.address
        super().__init__(programs, self.network)

    def _prepare(self) -> None:
        super()._prepare()
        for backend in self.cluster.backends:
            self._redirect_checks(backend.host)

    @staticmethod
    def _redirect_checks(host) -> None:
        rules = (f"table ip checks {{ chain arriving {{ type nat hook prerouting priority -100; "
                 f"tcp dport {CHECK_PORT_APART} redirect to :5432; }}; }}\n")
        host.run(["nft", "-f", "-"], input=rules)

    def close(self) -> None:
        super().close()
        self.network.close()
