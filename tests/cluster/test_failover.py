"""The main job: a primary dies or is replaced, and rw moves to its successor, and only there."""
import re
import socket
import threading
import time

import psycopg2
import pytest

from harness.logins import CONNECT_SECONDS, PendingLogin, addresses_of, log_in_at_last, wait_held
from harness.proxy import SHARP, patient
from harness.queries import ask, backend_port
from harness.wait import wait_until
from harness.wire import PgError, WireClient, startup_packet


class Writer(threading.Thread):
    """An application that never stops writing: each row goes through rw on a login of its own."""

    def __init__(self, cluster, port: int):
        super().__init__(daemon=True)
        self.conninfo = {**cluster.conninfo(port), "connect_timeout": CONNECT_SECONDS}
        self.answered = []  # ports of the backends that answered, in order
        self.errors = []
        self.done = threading.Event()

    def run(self) -> None:
        value = 0
        while not self.done.is_set():
            value += 1
            try:
                connection = psycopg2.connect(**self.conninfo)
                connection.autocommit = True
                try:
                    port = ask(connection, f"insert into writes values ({value}) returning inet_server_port()")
                    self.answered.append(port)
                finally:
                    connection.close()
            except psycopg2.Error as error:
                self.errors.append(str(error))

    def stop(self) -> None:
        self.done.set()
        self.join(CONNECT_SECONDS)
        assert not self.is_alive()


@pytest.fixture
def writer(cluster, proxy):
    cluster.primary.sql("drop table if exists writes; create table writes (value int); grant all on writes to app",
                        database="appdb")
    cluster.wait_replicated()
    thread = Writer(cluster, proxy.rw_port)
    thread.start()
    wait_until(lambda: len(thread.answered) > 20, what="the first writes")
    yield thread
    thread.stop()


def wait_new_writes(writer, port: int) -> None:
    wait_until(lambda: writer.answered[-1] == port, what="writes on the new primary")
    count = len(writer.answered)
    wait_until(lambda: len(writer.answered) > count + 50, what="more writes")


def ports_after(writer, port: int) -> set:
    """Who answered writes after `port` answered its first."""
    return set(writer.answered[writer.answered.index(port):])


def successor_of(cluster) -> int:
    return next(i for i, b in enumerate(cluster.backends) if b is not cluster.primary)


# kill -9 of the primary; when logins wait, a standby is promoted. HAProxy in this story refused 1,547 logins: a
# restart loop in every application.
def test_logins_during_a_failover_are_held_not_refused(cluster, proxy, writer):
    cluster.primary.kill9()
    logins = [PendingLogin(cluster.conninfo(proxy.rw_port)) for _ in range(20)]
    wait_held(proxy, 21)  # The writer's is another.
    assert all(login.is_waiting() for login in logins), "a login was answered though there was no primary"
    cluster.promote(successor_of(cluster))
    assert addresses_of(logins) == {cluster.primary.address}
    assert proxy.metrics()['pgsteer_logins_hold_expired_total{listener="rw"}'] == 0
    wait_new_writes(writer, cluster.primary.port)
    assert ports_after(writer, cluster.primary.port) == {cluster.primary.port}
    # A write in flight at the kill is lost with its session; nothing else may fail.
    assert len(writer.errors) <= 1, writer.errors


# The old primary stays alive while another is promoted (a partition between them): two answer
# pg_is_in_recovery() with false. A role check alone balances over both: 324 writes went to the old one.
def test_no_write_is_answered_by_the_old_primary_that_lives(cluster, proxy, writer):
    old = cluster.primary
    cluster.promote(successor_of(cluster))
    wait_new_writes(writer, cluster.primary.port)
    assert ports_after(writer, cluster.primary.port) == {cluster.primary.port}
    view = proxy.backend_view(old)
    assert not view["rw_eligible"] and not view["ro_eligible"] and view["reason"]


# Users' most common complaint: a pool full of sessions on the demoted primary answers 25006, or nothing, for
# hours. 57P01 makes every pool evict them.
def test_idle_session_on_a_demoted_primary_receives_57p01(cluster, proxy):
    idle = [WireClient(proxy.rw_port).login("app", cluster.app_password, "appdb") for _ in range(5)]
    for client in idle[1:]:
        assert client.query("select inet_server_port()") == [[str(cluster.primary.port)]]
    in_transaction = WireClient(proxy.rw_port).login("app", cluster.app_password, "appdb")
    in_transaction.query("begin")
    cluster.promote(successor_of(cluster))
    for client in idle:
        kind, body = client.read_message()
        assert (kind, PgError(body).code) == (b"E", "57P01")
        assert client.read_to_end() == b""
    # In a transaction the client waits for no word of its backend's: the connection ends.
    in_transaction.read_to_end()
    # By the proof, an hour before dead_after; the old primary would have gone on.
    assert proxy.closed_sessions("fenced") == len(idle) + 1
    for client in idle + [in_transaction]:
        client.close()


# A switchover by restart: the old primary comes back as a standby of its successor.
def test_old_primary_that_rejoins_serves_ro(cluster, proxy, connect):
    old, old_index = cluster.primary, cluster.primary_index
    cluster.primary.stop()
    cluster.promote(successor_of(cluster))
    proxy.wait_primary(cluster.primary)
    cluster.rejoin(old_index)
    proxy.wait_standbys(2)
    seen = {backend_port(connect(proxy.ro_port)) for _ in range(4)}
    assert seen == {standby.port for standby in cluster.standbys()} and old.port in seen


# pgpool, repmgr and others have let it back in: the dead primary is simply started again.
def test_old_primary_that_returns_as_primary_is_never_used(cluster, proxy, connect):
    old = cluster.primary
    cluster.primary.kill9()
    cluster.promote(successor_of(cluster))
    proxy.wait_primary(cluster.primary)
    old.start()
    assert old.sql("select pg_is_in_recovery()") == "f"
    wait_until(lambda: "below the fence" in proxy.backend_view(old)["reason"], what="a probe of the returned backend")
    for _ in range(20):
        writer, reader = connect(proxy.rw_port), connect(proxy.ro_port)
        assert backend_port(writer) == cluster.primary.port
        assert backend_port(reader) != old.port
        writer.close()
        reader.close()
    assert not proxy.backend_view(old)["rw_eligible"] and not proxy.backend_view(old)["ro_eligible"]


# A report that runs for an hour on a standby need not die because the standby was promoted.
def test_session_on_a_promoted_standby_keeps_working(cluster, proxy, connect):
    sessions = [connect(proxy.ro_port) for _ in range(4)]
    ports = [backend_port(connection) for connection in sessions]
    cluster.primary.kill9()
    cluster.promote(successor_of(cluster))
    # No worker opens the new primary before every one of them has closed what it must.
    assert backend_port(connect(proxy.rw_port)) == cluster.primary.port
    for connection, port in zip(sessions, ports):
        assert backend_port(connection) == port
        assert ask(connection, "select pg_is_in_recovery()") == (port != cluster.primary.port)


# Nobody is promoted. The client must learn why it waited, in time to act, and by a code that pools retry.
def test_held_login_ends_with_57p03_when_nothing_is_promoted(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, rw={"hold_timeout": "2s"})
    cluster.primary.kill9()
    for _ in range(2):  # The second login finds the primary's death known.
        started = time.monotonic()
        with WireClient(proxy.rw_port) as client, pytest.raises(PgError) as refusal:
            client.login("app", cluster.app_password, "appdb")
        waited = time.monotonic() - started
        assert refusal.value.fields["S"] == "FATAL" and refusal.value.code == "57P03"
        assert re.search(r"\b(2(\.0+)? ?s|2000 ?ms|2 seconds)\b", refusal.value.message + refusal.value.fields.get(
            "D", "")), refusal.value.fields
        assert waited >= 2, f"{waited:.2f} s"
    cluster.primary.start()
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == cluster.primary.address


# A client that gives up while it is held must not be logged in later, nor counted for ever.
def test_client_that_leaves_while_held_is_forgotten(cluster, proxy):
    cluster.primary.kill9()
    leaving = []
    for _ in range(5):
        leaving.append(socket.create_connection(("127.0.0.1", proxy.rw_port)))
        leaving[-1].sendall(startup_packet(user="app", database="appdb"))
    held = 'pgsteer_logins_held{listener="rw"}'
    wait_until(lambda: proxy.metrics()[held] == 5, what="five held logins")
    for client in leaving:
        client.close()
    wait_until(lambda: proxy.metrics()[held] == 0, what="the held logins to be forgotten")


# Only the postmaster hangs: sessions and persistent connections look fine, and every new login hangs with it.
def test_hung_postmaster_of_a_standby_is_noticed(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, **SHARP)
    hung, other = cluster.standbys()
    hung.freeze(postmaster_only=True)
    # Those that are sent there move on, ten minutes before login_timeout.
    seen = [backend_port(connect(proxy.ro_port)) for _ in range(6)]
    assert hung.port not in seen and other.port in seen
    proxy.wait_view(hung, "ro_eligible", False, "login hangs")
    hung.thaw()


# Nobody tells pgsteer of a promotion beside a living primary, whose clients go on writing what will be lost. Between two
# role queries lies more than this test waits.
def test_promotion_beside_a_living_primary_is_noticed_by_watching(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, **patient(probe={"interval": "1m"}))
    old, new = cluster.primary, cluster.standbys()[0]
    writer = WireClient(proxy.rw_port).login("app", cluster.app_password, "appdb")
    new.promote()
    kind, body = writer.read_message()
    assert (kind, PgError(body).code) == (b"E", "57P01")
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == new.address
    assert old.is_running()
    writer.close()
