"""A smart shutdown waits for every session to end: HA managers begin a switchover with it, and promote nobody before it
is over. server-shutdown.html"""
import signal

import psycopg2
import pytest

from harness.logins import PendingLogin, address_of, log_in_at_last, reader_on, wait_held, wait_readers
from harness.proxy import patient
from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until
from harness.wire import PgError, WireClient

# No login of the probe is due but those that a primary gets anyway: nothing else could show a smart shutdown.
SELDOM = patient(probe={"login_interval": "1h"})
LETS_GO = 'pgsteer_sessions_closed_total{listener="rw",reason="backend_shutting_down"}'


def log_in(cluster, port: int) -> WireClient:
    return WireClient(port).login("app", cluster.app_password, "appdb")


def assert_told_to_leave(client: WireClient) -> None:
    kind, body = client.read_message()
    assert (kind, PgError(body).code) == (b"E", "57P01")
    assert "the backend is shutting down" in PgError(body).message
    assert client.read_to_end() == b""
    client.close()


# Without any client only a login of the probe's own can show it, and the probe's connection must not be what the
# shutdown waits for.
def test_unused_primary_shuts_down_and_its_successor_is_found(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, **SELDOM)
    old, new = cluster.primary, cluster.standbys()[0]
    old.postmaster.send_signal(signal.SIGTERM)
    old.postmaster.wait(PATIENCE)
    assert "primary, shutting down: no new sessions" in proxy.log_text()
    new.promote()
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == new.address


# 200 idle sessions and 20 in transactions. Whoever is idle is told at once, whoever is not at the end of its
# transaction; then the primary is gone. Logins that come meanwhile are held, and none is refused.
def test_sessions_make_way_for_a_smart_shutdown(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, **SELDOM)
    old, new = cluster.primary, cluster.standbys()[0]
    idle = [log_in(cluster, proxy.rw_port) for _ in range(200)]
    busy = [log_in(cluster, proxy.rw_port) for _ in range(20)]
    for client in busy:
        client.query("begin")
    old.postmaster.send_signal(signal.SIGTERM)
    for client in idle:
        assert_told_to_leave(client)
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    for client in busy:
        client.query("create temporary table t (i int)")  # Not idle: nobody is cut.
    assert old.is_running(), "a transaction is what it waits for"
    for client in busy:
        client.query("commit")
        assert_told_to_leave(client)
    old.postmaster.wait(PATIENCE)
    assert proxy.metrics()[LETS_GO] == 220
    new.promote()
    assert held.address() == new.address
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == new.address


# What a client has sent ahead is done, one after the other: it hears of all of it before it is told to leave.
def test_queries_that_were_sent_ahead_are_all_answered(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, **SELDOM)
    client = log_in(cluster, proxy.rw_port)
    for statement in ("select 1", "select pg_sleep(3)", "select 2"):
        client.send_query(statement)
    assert client.read_result()
    cluster.primary.postmaster.send_signal(signal.SIGTERM)
    proxy.wait_view(cluster.primary, "rw_eligible", False, "shutting down")
    assert client.read_result() and client.read_result()
    assert_told_to_leave(client)
    cluster.primary.postmaster.wait(PATIENCE)


# A notification leaves whoever waits for the next one idle.
def test_listener_makes_way_too(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, **SELDOM)
    listener = connect(proxy.rw_port)
    listener.autocommit = True
    ask(listener, "listen news")
    cluster.primary.sql("notify news, 'x'", database="appdb")

    def has_news() -> bool:
        listener.poll()
        return bool(listener.notifies)

    wait_until(has_news, what="the notification")
    cluster.primary.postmaster.send_signal(signal.SIGTERM)
    assert_ended(listener)
    cluster.primary.postmaster.wait(PATIENCE)


def test_sessions_stay_where_the_operator_wants_it(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, **patient(cluster_keys={"smart_shutdown": "keep-sessions"}))
    idle = log_in(cluster, proxy.rw_port)
    cluster.primary.postmaster.send_signal(signal.SIGTERM)
    proxy.wait_view(cluster.primary, "rw_eligible", False, "shutting down")
    assert idle.query("select 1") and cluster.primary.is_running()
    assert proxy.metrics().get(LETS_GO, 0) == 0
    idle.close()
    cluster.primary.postmaster.wait(PATIENCE)


# Its readers go to the other standby.
def test_standby_is_let_go_too(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, **patient(probe={"login_interval": "500ms"}))
    leaving, other = cluster.standbys()
    reader = reader_on(proxy, connect, leaving)
    leaving.postmaster.send_signal(signal.SIGTERM)
    leaving.postmaster.wait(PATIENCE)
    with pytest.raises(psycopg2.OperationalError) as end:
        ask(reader, "select 1")
    assert end.value.pgcode in (None, "57P01")
    wait_readers(proxy, connect, {other.address})
