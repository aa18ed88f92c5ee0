"""Standbys in trouble: crash loops, replay that lags or is paused, a long start. New readers go where it is better."""
import time

import psycopg2
import pytest

from harness.logins import address_of, reader_on, readers, retries, wait_readers
from harness.queries import ask
from harness.wait import PATIENCE, wait_until

REST_MIN_SECONDS = 0.5  # Doubles with each loss; as src/topology/knowledge.hpp says.
LAG_BYTES_MAX = 1 << 20


def lose_and_restart(proxy, backend) -> float:
    """Returns a moment before pgsteer can have had an answer."""
    backend.kill9()
    wait_until(lambda: not proxy.backend_view(backend)["ro_eligible"], what="the loss to be noticed")
    started = time.monotonic()
    backend.start()
    wait_until(lambda: proxy.backend_view(backend)["role"] == "standby" and _answers(proxy.backend_view(backend)),
               what="the restarted standby to answer the probe", every=0.005)
    return started


def _answers(view: dict) -> bool:
    return view["reason"] == "standby" or "lost repeatedly" in view["reason"]


def wait_rested(proxy, connect, backend) -> None:
    """A standby that answers is passed over; meanwhile readers go elsewhere."""
    started = time.monotonic()
    while not (view := proxy.backend_view(backend))["ro_eligible"]:
        assert "resting since it was lost repeatedly" in view["reason"]
        connection = connect(proxy.ro_port)
        is_over = proxy.backend_view(backend)["ro_eligible"]
        assert is_over or address_of(connection) != backend.address
        connection.close()
        assert time.monotonic() - started < PATIENCE


# A standby that the kernel kills for its memory, again and again. Each time it is back it answers, takes its share of
# the readers, and kills them all with it. The others serve; it waits a little longer after every loss.
def test_crash_looping_standby_rests_ever_longer(cluster, proxy, connect):
    looping, steady = cluster.standbys()
    for i in range(4):
        started = lose_and_restart(proxy, looping)
        wait_rested(proxy, connect, looping)
        rest = time.monotonic() - started
        assert rest >= REST_MIN_SECONDS * 2**i, f"used again {rest:.2f} s after loss {i + 1}"
    rests = [line for line in proxy.log_text().splitlines() if "backend changed" in line and looping.address in line
             and "resting since it was lost repeatedly" in line]
    assert len(rests) >= 2, "the long ones are to be seen, on a busy machine too"
    # The last one is never banned: a standby that may be lost again is better than none.
    steady.stop()
    lose_and_restart(proxy, looping)
    view = proxy.backend_view(looping)
    assert view["ro_eligible"] and "the only one" in view["reason"]
    wait_readers(proxy, connect, {looping.address})


def write_wal(cluster, mebibytes: int) -> None:
    cluster.primary.sql(f"select pg_logical_emit_message(false, 'lag', repeat('x', {1 << 20})) "
                        f"from generate_series(1, {mebibytes})", database="appdb")


def pause_replay(*backends) -> None:
    for backend in backends:
        backend.sql("select pg_wal_replay_pause()")
        wait_until(lambda b=backend: b.sql("select pg_get_wal_replay_pause_state()") == "paused", what="the pause")


@pytest.fixture
def resumed(cluster):
    yield
    for backend in cluster.standbys():
        if backend.is_in_recovery():
            backend.sql("select pg_wal_replay_resume()")


def wait_lag(proxy, backend, is_enough) -> None:
    wait_until(lambda: is_enough(proxy.backend_view(backend)["replay_lag_bytes"]), what=f"the lag of {backend.name}")


def refusal(proxy, connect) -> str:
    try:
        connect(proxy.ro_port)
    except psycopg2.OperationalError as error:
        return str(error)
    return ""


# CrunchyData#3345, cloudnative-pg#6623: a standby hours behind kept serving "read your writes" of yesterday. New readers
# go to those that keep up, open sessions stay, and with nobody left the primary serves.
def test_standby_whose_replay_is_paused_gets_no_new_readers(cluster, run_pgsteer, connect, resumed):
    proxy = run_pgsteer(cluster, ro={"max_replay_lag": "1MiB"})
    strict = run_pgsteer(cluster, ro={"max_replay_lag": "1MiB", "route": "standby", "hold_timeout": "500ms"})
    slow, other = cluster.standbys()
    sessions = [reader_on(proxy, connect, backend) for backend in (slow, other)]
    pause_replay(slow)
    assert readers(proxy, connect) == {slow.address, other.address}, "paused, but nothing behind yet"
    write_wal(cluster, 3)
    # Each proxy by its own probes: one that has not yet seen `other` catch up here would take this for the lag below.
    for any_proxy in (proxy, strict):
        wait_lag(any_proxy, slow, lambda lag: lag > LAG_BYTES_MAX)
        wait_lag(any_proxy, other, lambda lag: lag < LAG_BYTES_MAX)
    wait_readers(proxy, connect, {other.address})
    pause_replay(other)
    write_wal(cluster, 3)
    for any_proxy in (proxy, strict):
        wait_lag(any_proxy, other, lambda lag: lag > LAG_BYTES_MAX)
    wait_readers(proxy, connect, {cluster.primary.address})
    wait_until(lambda: "every standby lags too far behind" in refusal(strict, connect), what="a refusal for lag")
    assert [address_of(session) for session in sessions] == [slow.address, other.address]
    for backend in (slow, other):
        backend.sql("select pg_wal_replay_resume()")
        wait_lag(proxy, backend, lambda lag: lag < LAG_BYTES_MAX)
    wait_readers(proxy, connect, {slow.address, other.address})


# A few kilobytes behind, but for a quarter of an hour: bytes do not tell how old the answers are.
def test_standby_behind_in_time_gets_no_new_readers(cluster, run_pgsteer, connect, resumed):
    proxy = run_pgsteer(cluster, ro={"max_replay_lag": "10s"})
    slow, other = cluster.standbys()
    session = reader_on(proxy, connect, slow)
    pause_replay(slow)
    cluster.primary.sql("select txid_current()")
    wait_until(lambda: readers(proxy, connect, 2) == {other.address}, what="the delay to be seen")
    assert proxy.backend_view(slow)["replay_lag_bytes"] < LAG_BYTES_MAX
    for _ in range(3):
        cluster.primary.sql("select txid_current()")
        assert readers(proxy, connect) == {other.address}
    assert address_of(session) == slow.address
    slow.sql("select pg_wal_replay_resume()")
    wait_until(lambda: slow.address in readers(proxy, connect, 2), what="the standby to be used again")


# A standby whose archive is slow needs minutes to become consistent and says 57P03 all the time. HAProxy's pgsql-check
# takes the port for open; a client that asks for a reader must not notice.
def test_starting_standby_is_passed_over(cluster, proxy, connect):
    starting, other = cluster.standbys()
    archive_is_slow = cluster.folder / "archive-is-slow"
    archive_is_slow.touch()
    starting.sql(f"alter system set restore_command = 'while [ -e {archive_is_slow} ]; do sleep 0.1; done; false'")
    starting.stop()
    starting.start(wait=False)
    try:
        # Not by pgsteer's reason alone, which is the same while a standby shuts down.
        wait_until(lambda: _refusal(connect, starting, "starting up", "not yet accepting"), what="57P03", every=0.005)
        wait_until(lambda: "starting up" in proxy.backend_view(starting)["reason"], what="pgsteer to meet it")
        retried = retries(proxy)
        assert readers(proxy, connect) == {other.address}
        assert retries(proxy) == retried, "a reader was sent there and had to wait"
        assert _refusal(connect, starting, "starting up", "not yet accepting"), "it is up already: nothing was tested"
        assert proxy.backend_view(starting)["role"] == "standby", "a start is no change of role"
        archive_is_slow.unlink()
        starting.wait_ready()
        wait_until(lambda: starting.address in readers(proxy, connect, 2), what="the standby to be used again")
    finally:
        archive_is_slow.unlink(missing_ok=True)
        if not starting.is_running():
            starting.start()
        starting.wait_ready()
        starting.sql("alter system reset restore_command")
        starting.sql("select pg_reload_conf()")


# The same race as a login meets it: the standby goes down and says 57P03 before any probe has seen it.
def test_logins_that_meet_57p03_are_retried_elsewhere(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, probe={"interval": "1m"}, cluster_keys={"role_ttl": "2m", "dead_after": "2m"})
    leaving, other = cluster.standbys()
    session = reader_on(proxy, connect, leaving)
    ask(session, "select 1")
    leaving.postmaster.terminate()  # A smart shutdown: sessions stay, everybody else hears 57P03.
    wait_until(lambda: _refusal(connect, leaving, "shutting down"), what="the smart shutdown")
    assert readers(proxy, connect, 10) == {other.address}
    assert proxy.metrics()['pgsteer_login_retries_total{listener="ro"}'] >= 1
    assert address_of(session) == leaving.address
    session.close()
    leaving.stop()


def _refusal(connect, backend, *words) -> bool:
    """Whether a login that goes there directly is refused by PostgreSQL, for one of these reasons."""
    try:
        connect(backend.port).close()
        return False
    except psycopg2.OperationalError as error:
        return any(word in str(error) for word in words)
