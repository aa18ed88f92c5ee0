"""The probe is refused: wrong password, no slots, a backend that starts, nobody there; and clocks that jump."""
import datetime
import os
import re
import signal
import time
from pathlib import Path

import psycopg2
import pytest

from harness.clock import Clock
from harness.cluster import PROBE_PASSWORD, PgCluster
from harness.logins import PendingLogin, address_of, addresses_of, log_in_at_last, wait_held
from harness.processes import children_of
from harness.proxy import Pgsteer, patient
from harness.queries import ask, assert_ended
from harness.wait import wait_until
from harness.wire import PgError, WireClient

HOUR_SECONDS = 3600


@pytest.fixture(scope="module")
def whole_cluster():
    """Few slots, so that a test can take them all."""
    with PgCluster(settings={"max_connections": "40"}) as cluster:
        yield cluster


def refused_login(cluster, port: int) -> PgError:
    with WireClient(port) as client, pytest.raises(PgError) as refusal:
        client.login("app", cluster.app_password, "appdb")
    return refusal.value


def lines(log: str, *words) -> list:
    return [line for line in log.splitlines() if all(word in line for word in words)]


# A typing error in the first configuration. The operator needs the reason, once per backend and not twice a second, and
# no restart after the correction.
def test_wrong_probe_password_at_start(cluster, run_pgsteer, tmp_path):
    password_file = tmp_path / "probe.password"
    password_file.write_text("wrong\n")
    proxy = run_pgsteer(cluster, probe={"password_file": str(password_file)}, rw={"hold_timeout": "500ms"}, waits=False)
    refused = "the probe's credentials are refused"
    wait_until(lambda: all(refused in b["reason"] for b in proxy.topology()["backends"]), what="three refusals")
    assert not proxy.is_ready()
    refusal = refused_login(cluster, proxy.rw_port)
    assert refusal.code == "57P03"
    probes = 'pgsteer_probes_total{outcome="wrong_credentials"}'
    wait_until(lambda: proxy.metrics()[probes] >= 4 * len(cluster.backends), what="four probes of each backend")
    for backend in cluster.backends:
        assert len(lines(proxy.log_text(), "probe outcome changed", backend.address, "wrong_credentials")) == 1
    password_file.write_text(PROBE_PASSWORD + "\n")
    proxy.wait_primary(cluster.primary)
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == cluster.primary.address


@pytest.fixture
def probe_password(cluster):
    """Sets the probe's password on the cluster, and ends the sessions that were logged in by the old one."""
    def change(password: str) -> None:
        cluster.primary.sql(f"alter role pgsteer password '{password}'")
        cluster.wait_replicated()
        for backend in cluster.backends:
            backend.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pgsteer'")

    yield change
    change(PROBE_PASSWORD)


# Somebody rotates passwords and forgets this one. Nothing is wrong with the cluster: sessions go on, new logins are
# served by what was known for as long as that may be trusted, and the log says it once.
def test_probe_password_changed_at_run_time(cluster, run_pgsteer, connect, probe_password):
    proxy = run_pgsteer(cluster)  # By its role_ttl of minutes the old answer counts all through this test.
    session, reading = connect(proxy.rw_port), connect(proxy.ro_port)
    forgetful = run_pgsteer(cluster, rw={"hold_timeout": "500ms"}, probe={"timeout": "2s"},
                            cluster_keys={"role_ttl": "3s"})
    held_there = connect(forgetful.rw_port)
    probe_password("rotated")
    refused = "the probe's credentials are refused"
    wait_until(lambda: all(refused in b["reason"] for b in proxy.topology()["backends"]), what="three refusals")
    view = proxy.backend_view(cluster.primary)
    assert view["role"] == "primary"
    if not proxy.stood_still():  # Or it wants a new answer first, and rightly.
        assert view["rw_eligible"]
        assert address_of(connect(proxy.rw_port)) == cluster.primary.address
    forgetful.wait_view(cluster.primary, "rw_eligible", False)
    refusal = refused_login(cluster, forgetful.rw_port)
    assert refusal.code == "57P03"
    assert forgetful.backend_view(cluster.primary)["role"] == "primary"
    assert [ask(some, "select 1") for some in (session, reading, held_there)] == [1, 1, 1]
    for backend in cluster.backends:
        assert len(lines(proxy.log_text(), "probe outcome changed", backend.address, "outcome=wrong_credentials")) == 1
    probe_password(PROBE_PASSWORD)
    for any_proxy in (proxy, forgetful):
        assert log_in_at_last(cluster.conninfo(any_proxy.rw_port)) == cluster.primary.address
        any_proxy.wait_standbys(2)
    assert [ask(some, "select 1") for some in (session, reading, held_there)] == [1, 1, 1]


def take_all_slots(connect, backend) -> list:
    """Every slot, the reserved ones too; the last answer is 53300 before authentication."""
    taken = []
    for changes in ({}, {"host": str(backend.socket_folder), "user": "postgres"}):
        while True:
            try:
                taken.append(connect(backend.port, **changes))
            except psycopg2.OperationalError as refusal:
                last = str(refusal)
                break
    assert "too many clients" in last
    return taken


# cloudnative-pg#2420: a connection leak took every slot, the probe failed with 53300, and the manager failed over from
# one healthy primary to the next. A server that says "too many clients" is alive.
def test_no_slot_for_the_probe_is_no_failover(cluster, run_pgsteer, connect):
    # Ten times what the leak's forty sessions need to end on a busy machine: the login that waits for that must get in.
    proxy = run_pgsteer(cluster, rw={"hold_timeout": "10s"}, probe={"timeout": "2s"}, cluster_keys={"role_ttl": "3s"})
    session = connect(proxy.rw_port)
    proxy.process.send_signal(signal.SIGSTOP)  # Or the probe would take its slot again before the leak does.
    try:
        cluster.primary.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pgsteer'")
        leaked = take_all_slots(connect, cluster.primary)
    finally:
        proxy.process.send_signal(signal.SIGCONT)
    # Not by the reason, which is another one if the stop took a second.
    wait_until(lambda: proxy.backend_view(cluster.primary)["outcome"] == "too_many_clients", what="53300 for the probe")
    view = proxy.backend_view(cluster.primary)
    assert view["role"] == "primary" and proxy.topology()["primary"] == cluster.primary.address
    assert ask(session, "select 1") == 1
    refusal = refused_login(cluster, proxy.rw_port)
    assert (refusal.code, "too many clients" in refusal.message) in {("53300", True), ("57P03", False)}
    proxy.wait_view(cluster.primary, "rw_eligible", False)  # Knowledge gets old; the primary is still nobody else.
    assert proxy.topology()["primary"] == cluster.primary.address and ask(session, "select 1") == 1
    assert {address_of(connect(proxy.ro_port)) for _ in range(4)} == {s.address for s in cluster.standbys()}
    waiting = PendingLogin(cluster.conninfo(proxy.rw_port))
    for connection in leaked:
        connection.close()
    assert waiting.address() == cluster.primary.address
    wait_until(lambda: proxy.backend_view(cluster.primary)["reason"] == "primary on the highest timeline",
               what="the probe to be let in again")
    assert "failover" not in proxy.log_text() and proxy.metrics()["pgsteer_primary_changes_total"] == 0


def start_and_stop_in_recovery(backend) -> int:
    """Starts a crashed backend and freezes the process that recovers it; returns its pid."""
    for _ in range(10):
        log_before = len(backend.log_text())
        backend.start(wait=False)
        while backend.is_running() and "ready to accept connections" not in backend.log_text()[log_before:]:
            for pid in _children(backend.pid):
                if b"startup" in _command_line(pid):
                    os.kill(pid, signal.SIGSTOP)
                    return pid
        backend.kill9()
    raise AssertionError("no crash recovery was slow enough to be caught")


def _command_line(pid: int) -> bytes:
    """Empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _children(pid: int) -> list:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return children_of(pid)


# A crash of the postmaster, and a recovery that takes its time: 57P03 for as long as it reads its WAL. It is the
# primary all the while: its logins wait for it, and no client reads "the database system is starting up".
def test_primary_in_crash_recovery_is_waited_for(cluster, proxy, connect):
    reading = connect(proxy.ro_port)
    cluster.primary.sql("select pg_logical_emit_message(false, 'x', repeat('x', 1 << 20)) from generate_series(1, 64)")
    cluster.primary.kill9()
    recovering = start_and_stop_in_recovery(cluster.primary)
    try:
        wait_until(lambda: "starting up" in proxy.backend_view(cluster.primary)["reason"], what="57P03")
        with pytest.raises(psycopg2.OperationalError, match="starting up|not yet accepting connections"):
            connect(cluster.primary.port)
        waiting = [PendingLogin(cluster.conninfo(proxy.rw_port)) for _ in range(10)]
        wait_held(proxy, 10)
        assert proxy.topology()["primary"] == cluster.primary.address
        assert address_of(connect(proxy.ro_port)) != cluster.primary.address and ask(reading, "select 1") == 1
    finally:
        os.kill(recovering, signal.SIGCONT)
    assert addresses_of(waiting) == {cluster.primary.address}


def cpu_seconds(proxy) -> float:
    fields = Path(f"/proc/{proxy.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# The power is gone, and comes back. Until then both ports hold and then refuse with a code that pools retry, the
# program neither spins nor gives up, and afterwards everything is as it was.
def test_all_down_and_up_again(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, rw={"hold_timeout": "1s"}, ro={"hold_timeout": "1s"})
    sessions = [connect(proxy.rw_port), connect(proxy.ro_port)]
    for backend in cluster.backends:
        backend.kill9()
    for session in sessions:
        assert_ended(session)
    wait_until(lambda: not proxy.is_ready(), what="readiness to be taken back")
    used, started = cpu_seconds(proxy), time.monotonic()
    for port in (proxy.rw_port, proxy.ro_port):
        began = time.monotonic()
        assert refused_login(cluster, port).code == "57P03"
        assert time.monotonic() - began >= 1
    share = (cpu_seconds(proxy) - used) / (time.monotonic() - started)
    # Ten times what its probes need (3 %); beside others it gets less of a core, not more.
    assert share < 0.35, f"it spins: {share:.3f} of a core"
    for backend in cluster.backends:
        backend.start(wait=False)
    for backend in cluster.backends:
        backend.wait_ready()
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == cluster.primary.address
    proxy.wait_standbys(2)
    assert {address_of(connect(proxy.ro_port)) for _ in range(4)} == {s.address for s in cluster.standbys()}
    assert proxy.metrics()["pgsteer_primary_changes_total"] == 0


# An hour forth and an hour back: a machine's clock set right, daylight saving done wrong. PgDog compares wall clocks.
# A login that is held in the middle of it waits as long as it was promised, neither an hour longer nor no time at all.
@pytest.mark.parametrize("seconds", [HOUR_SECONDS, -HOUR_SECONDS], ids=["forth", "back"])
def test_clock_jumps_change_nothing(cluster, connect, binary, tmp_path, seconds):
    clock = Clock(tmp_path, binary)
    options = patient(rw={"hold_timeout": "10s"}, extra="drain_timeout: 1s\n")
    with Pgsteer(cluster, clock.wrapper, **options) as proxy:
        session, generation = connect(proxy.rw_port), proxy.topology()["generation"]
        clock.jump(seconds)
        wait_until(lambda: _log_in_and_read_clock(connect, proxy) * seconds > 0, what="pgsteer to see the jump")
        for _ in range(10):
            assert address_of(connect(proxy.rw_port)) == cluster.primary.address
            assert address_of(connect(proxy.ro_port)) != cluster.primary.address
        assert proxy.topology()["generation"] == generation or proxy.stood_still()
        assert address_of(session) == cluster.primary.address
        cluster.primary.kill9()
        began, waiting = time.monotonic(), PendingLogin(cluster.conninfo(proxy.rw_port))
        wait_held(proxy, 1)
        clock.jump(0)
        with pytest.raises(psycopg2.OperationalError, match="after waiting 10 s"):
            waiting.address()
        assert time.monotonic() - began >= 10
        wait_until(lambda: abs(_last_log_time(proxy) - time.time()) < HOUR_SECONDS / 2, what="the clock to jump back")
        cluster.primary.start()
        try:
            assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == cluster.primary.address
        except TimeoutError as error:
            raise AssertionError(f"{proxy.topology()}\n{proxy.log_text()[-4000:]}") from error


def _log_in_and_read_clock(connect, proxy) -> float:
    """How far pgsteer's clock is from ours, as the line of a session's end shows it; 0 for nearly right."""
    connect(proxy.rw_port).close()
    offset = _last_log_time(proxy) - time.time()
    return offset if abs(offset) > HOUR_SECONDS / 2 else 0


def _last_log_time(proxy) -> float:
    stamps = re.findall(r"^(\d{4}-\d\d-\d\dT[\d:.]+)Z", proxy.log_text(), re.MULTILINE)
    return datetime.datetime.fromisoformat(stamps[-1] + "+00:00").timestamp()
