"""How an encrypted session ends: libpq says Terminate, close_notify and FIN and is gone, and what comes after is no fault."""
import re
import threading
import time
from datetime import datetime, timezone

import psycopg2
import pytest

from harness import processes
from harness.cluster import PgCluster
from harness.queries import ask, psql
from harness.wait import PATIENCE, wait_until

OF_EACH = 50  # twice: before and after the failover
PROBE_INTERVAL_SECONDS = 2
SYMPTOM_MEMORY_SECONDS = 2.5  # more than failover_story's own
CLOSED = re.compile(r'pgsteer_sessions_closed_total\{listener="rw",reason="(\w+)"\}')


@pytest.fixture(scope="module")
def whole_cluster():
    with PgCluster(tls=True) as cluster:
        yield cluster


@pytest.fixture(params=["epoll", "io_uring"])
def proxy(cluster, run_pgsteer, request):
    proxy = run_pgsteer(cluster, probe={"interval": f"{PROBE_INTERVAL_SECONDS}s"}, rw={"hold_timeout": "120s"},
                        extra=f"relay: {{ engine: {request.param} }}\n")
    if f"relay_engine={request.param}" not in proxy.log_text():
        pytest.skip(f"this kernel denies {request.param}")
    return proxy


def log_in_and_out(cluster, proxy) -> None:
    for _ in range(OF_EACH):
        done = psql(cluster, proxy.rw_port, "select 1", options="sslmode=require")
        assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
        connection = psycopg2.connect(**{**cluster.conninfo(proxy.rw_port), "sslmode": "require"})
        assert ask(connection, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        connection.close()


def closed(proxy) -> dict:
    """{reason: sessions}, of those that there were."""
    found = ((CLOSED.fullmatch(name), value) for name, value in proxy.metrics().items())
    return {match.group(1): value for match, value in found if match and value}


def lines(proxy, words: str) -> list:
    return [line for line in proxy.log_text().splitlines() if words in line]


def test_logouts_and_a_failover_among_them(cluster, proxy):
    started, probes_before = time.monotonic(), proxy.probes()
    log_in_and_out(cluster, proxy)
    wait_until(lambda: sum(closed(proxy).values()) == 2 * OF_EACH, 60, "all sessions to be counted")
    assert closed(proxy) == {"client_closed": 2 * OF_EACH}
    # The gap between two of the schedule is 0.9 to 1 interval, the first is shorter. A login that a busy machine makes
    # slow has its backend asked, too; a burst for each logout would be hundreds of probes each.
    due = (time.monotonic() - started) / (0.9 * PROBE_INTERVAL_SECONDS) + 2
    assert proxy.probes() - probes_before <= len(cluster.backends) * due + 2 * OF_EACH, "probes beyond the schedule"
    assert not lines(proxy, "first sign of trouble")

    time.sleep(SYMPTOM_MEMORY_SECONDS)  # a slow login is forgotten by then

    killed_at = time.time()
    cluster.primary.kill9()
    cluster.promote(next(i for i, b in enumerate(cluster.backends) if b is not cluster.primary))
    log_in_and_out(cluster, proxy)
    wait_until(lambda: sum(closed(proxy).values()) == 4 * OF_EACH, 60, "all sessions to be counted")
    assert closed(proxy) == {"client_closed": 4 * OF_EACH}
    # Nothing that came before the kill is told as its first sign.
    (told,) = lines(proxy, "first sign of trouble")
    told_at = datetime.strptime(told.split()[0], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    began_at = told_at - float(re.search(r"seconds_ago=(\S+)", told).group(1))
    assert began_at >= killed_at - 0.002, "the log and its seconds are in whole milliseconds"
    assert not [line for line in lines(proxy, "session ended") if " warning " in line]


# The out-of-memory killer takes the postmaster alone. Its children end by themselves, with an alert and not a word: what
# the client waited for is lost, and nobody has logged out.
def test_a_session_that_loses_its_postmaster_is_no_logout(cluster, proxy, connect):
    sleeper = connect(proxy.rw_port, sslmode="require")
    errors = []

    def sleep() -> None:
        try:
            ask(sleeper, "select pg_sleep(600)")
        except psycopg2.OperationalError as error:
            errors.append(error)

    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
    wait_until(lambda: cluster.primary.sql(asleep) == "1", what="the query to sleep")
    children = processes.children_of(cluster.primary.pid)
    cluster.primary.postmaster.kill()
    cluster.primary.postmaster.wait()
    thread.join(PATIENCE)
    assert errors, "the query goes on"
    wait_until(lambda: closed(proxy), what="the session to be counted")
    assert set(closed(proxy)) <= {"backend_closed", "backend_lost"}
    processes.wait_gone(children)
