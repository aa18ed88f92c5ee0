"""The operator takes a backend out of use for a while, and brings it back; and all of pgsteer."""
import subprocess
import time

import pytest

from harness.logins import PendingLogin, reader_on, readers, wait_held, wait_readers
from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until
from harness.wire import PgError, WireClient


def order(proxy, *words: str) -> str:
    """`pgsteer backend ...`; what it prints."""
    done = proxy.command("backend", *words)
    assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def wire_reader_on(proxy, cluster, backend) -> WireClient:
    """A session on this standby, as long as there are not more than two."""
    for _ in range(10):
        client = WireClient(proxy.ro_port).login("app", cluster.app_password, "appdb")
        if client.query("select inet_server_port()") == [[str(backend.port)]]:
            return client
        client.close()
    raise AssertionError(f"no reader was sent to {backend.name}")


# A standby is to get a new disk: its readers go when their transactions are over, nobody new comes, and it is used again
# after the operator's word.
def test_a_standby_is_drained_and_resumed(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    drained, other = cluster.standbys()
    idle, busy = wire_reader_on(proxy, cluster, drained), reader_on(proxy, connect, drained)
    busy.autocommit = False
    assert ask(busy, "select 1") == 1
    assert order(proxy, "drain", drained.address) == (
        f"{drained.address} is drained until it is resumed; 2 sessions leave as they become idle\n")
    kind, body = idle.read_message()
    assert (kind, PgError(body).code) == (b"E", "57P01")
    assert "the operator drains the backend" in PgError(body).message
    assert idle.read_to_end() == b""
    idle.close()
    assert ask(busy, "select 2") == 2, "its transaction goes on"
    wait_readers(proxy, connect, {other.address})
    assert proxy.backend_view(drained)["reason"] == "standby, drained by the operator"
    busy.commit()
    assert_ended(busy)
    assert readers(proxy, connect) == {other.address}
    drained.kill9()
    proxy.wait_view(drained, "ro_eligible", False, "drained by the operator")
    drained.start()
    proxy.wait_view(drained, "ro_eligible", False, "standby, drained by the operator")
    assert readers(proxy, connect) == {other.address}, "it is back, and the order stands"
    assert order(proxy, "resume", drained.address) == f"{drained.address} is resumed, it was drained\n"
    wait_readers(proxy, connect, {drained.address, other.address})
    assert order(proxy, "resume", drained.address) == f"{drained.address} was under no order\n"


# The primary is to be restarted: whoever writes already goes on, whoever comes waits, and nobody takes its place.
def test_logins_wait_for_a_disabled_primary(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    primary = cluster.primary
    writer = connect(proxy.rw_port)
    assert order(proxy, "disable", primary.address, "--for", "1h") == (
        f"{primary.address} is disabled for 1h; 1 session stays; it is the primary: new rw logins wait\n")
    held = [PendingLogin(cluster.conninfo(proxy.rw_port)) for _ in range(3)]
    wait_held(proxy, 3)
    assert ask(writer, "select pg_is_in_recovery()") is False
    assert primary.address not in readers(proxy, connect)
    topology = proxy.topology()
    assert topology["primary"] == primary.address
    assert not any(backend["rw_eligible"] for backend in topology["backends"])
    status = subprocess.run([str(proxy.binary), "status", "--admin", f"http://127.0.0.1:{proxy.admin_port}"],
                            capture_output=True, text=True, timeout=PATIENCE, check=False).stdout
    assert "primary, disabled by the operator, 59 min left" in status
    assert "first sign of trouble" not in proxy.log_text(), "it is no failover"
    primary.stop()
    primary.start()
    proxy.wait_view(primary, "rw_eligible", False, "primary, disabled by the operator")
    assert all(login.is_waiting() for login in held)
    order(proxy, "resume", primary.address)
    assert {login.address() for login in held} == {primary.address}
    proxy.wait_logged("the operator's order is taken back")


def test_a_failover_while_the_primary_is_disabled(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    old = cluster.primary
    order(proxy, "disable", old.address)
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    old.kill9()
    cluster.promote(cluster.backends.index(cluster.standbys()[0]))
    assert held.address() == cluster.primary.address


# Whoever has ordered it thinks of the backend, and not of the process that was told.
def test_an_order_outlasts_reloads_and_upgrades(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 7s\n")
    drained, other = cluster.standbys()
    order(proxy, "drain", drained.address, "--for", "1h")
    order(proxy, "disable", cluster.primary.address)
    proxy.reload(("drain_timeout: 7s", "drain_timeout: 8s"))
    assert readers(proxy, connect) == {other.address}
    before = proxy.backend_view(drained)["order"]
    proxy.upgrade()
    assert readers(proxy, connect) == {other.address}
    after = proxy.backend_view(drained)["order"]
    assert after["kind"] == "drain" and 0 < after["left_ms"] <= before["left_ms"]
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    order(proxy, "resume", cluster.primary.address)
    assert held.address() == cluster.primary.address
    order(proxy, "resume", drained.address)
    wait_readers(proxy, connect, {drained.address, other.address})


def test_an_order_is_over_with_its_time(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    begun = time.monotonic()
    order(proxy, "disable", cluster.primary.address, "--for", "1s")
    assert PendingLogin(cluster.conninfo(proxy.rw_port)).address() == cluster.primary.address
    assert time.monotonic() - begun >= 1
    proxy.wait_logged("the time of the operator's order is over")


@pytest.mark.parametrize("words, code, complaint", [
    (("drain", "pg-9:5432"), 1, 'no backend is called "pg-9:5432"; there are '),
    (("drain", "pg-9:5432", "--for", "500ms"), 2, "expected a duration from 1s to 8760h (units: ms, s, m, h)"),
    (("drain", "pg-9:5432", "--for", "10"), 2, 'found "10"'),
    (("drain",), 2, "ADDR is required"),
    (("stop", "pg-9:5432"), 2, "")])
def test_an_order_with_a_mistake(cluster, run_pgsteer, words, code, complaint):
    proxy = run_pgsteer(cluster)
    done = proxy.command("backend", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert complaint in done.stderr
    if code == 1:
        assert all(backend.address in done.stderr for backend in cluster.backends)


# As by SIGTERM, and whoever orders it hears that it was heard.
def test_all_of_pgsteer_is_drained(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    busy = connect(proxy.rw_port)
    busy.autocommit = False
    assert ask(busy, "select 1") == 1
    assert proxy.command("drain").stdout == "pgsteer drains; 1 session leaves once it is idle\n"
    wait_until(lambda: not proxy.is_ready(), what="it not to be ready")
    busy.commit()
    assert_ended(busy)
    assert proxy.process.wait(PATIENCE) == 0
    assert proxy.command("drain").returncode == 3
    idle = run_pgsteer(cluster)
    assert idle.command("drain").stdout == "pgsteer drains; 0 sessions leave as they become idle\n"
    assert idle.process.wait(PATIENCE) == 0
