"""The end of a pgsteer: rolling updates send SIGTERM and mean it."""
import os
import signal
import subprocess
import threading
import time

import psycopg2
import pytest

from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until
from harness.wire import PgError, WireClient

# Whatever ends sooner than this, as PATIENCE is shorter, did not end by drain_timeout.
LONG_DRAIN = "drain_timeout: 10m\n"


# A transaction in flight gets its time, and is told at its end; whoever is idle is told to go elsewhere from the start.
# A supervisor repeats itself.
def test_sigterm_drains(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra=LONG_DRAIN)
    idle = WireClient(proxy.rw_port).login("app", cluster.app_password, "appdb")
    busy = connect(proxy.rw_port)
    ask(busy, "begin")
    proxy.process.send_signal(signal.SIGTERM)
    wait_until(lambda: _refuses(cluster, proxy.rw_port), what="new logins to be refused")
    kind, body = idle.read_message()
    assert (kind, PgError(body).code) == (b"E", "57P01")
    assert idle.read_to_end() == b""
    idle.close()
    proxy.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "signal ignored, pgsteer is draining already" in proxy.log_text(), what="the second signal")
    assert ask(busy, "select 42") == 42, "a transaction was cut during the drain"
    ask(busy, "commit")
    assert_ended(busy)
    assert proxy.process.wait(PATIENCE) == 0
    assert "close_reason=draining" in proxy.log_text()


def _refuses(cluster, port: int) -> bool:
    try:
        psycopg2.connect(**{**cluster.conninfo(port), "connect_timeout": PATIENCE}).close()
        return False
    except psycopg2.OperationalError:
        return True


# A rolling update under load: whoever has connected is served, and whoever comes too late is refused. Nobody gets a reset.
def test_sigterm_under_logins_resets_nobody(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, extra=LONG_DRAIN)
    outcomes = []

    def log_in() -> None:
        try:
            connection = psycopg2.connect(**cluster.conninfo(proxy.rw_port))
            outcomes.append(str(ask(connection, "select 1")))
            connection.close()
        except psycopg2.OperationalError as error:
            outcomes.append("refused" if "Connection refused" in str(error) else str(error))

    threads = [threading.Thread(target=log_in) for _ in range(200)]
    for thread in threads:
        thread.start()
    wait_until(lambda: "1" in outcomes, what="the first login")
    proxy.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"1", "refused"}, [each for each in outcomes if each not in ("1", "refused")][:3]
    assert proxy.process.wait(PATIENCE) == 0


# A load balancer needs a moment until it sends nobody here any more.
def test_drain_grace_serves_whoever_still_comes(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra=LONG_DRAIN + "drain_grace: 3s\n")
    idle = connect(proxy.rw_port)
    started = time.monotonic()
    proxy.process.send_signal(signal.SIGTERM)
    wait_until(lambda: proxy.get("/readyz")[0] == 503, what="pgsteer not to be ready")
    connect(proxy.rw_port).close()
    assert_ended(idle)
    assert time.monotonic() - started >= 3
    assert proxy.process.wait(PATIENCE) == 0


# A session that never ends cannot keep the process.
def test_drain_timeout_ends_the_rest(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 2s\n")
    stuck = connect(proxy.rw_port)
    ask(stuck, "begin")
    started = time.monotonic()
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(PATIENCE) == 0
    assert time.monotonic() - started >= 2
    assert_ended(stuck)


def test_no_sessions_no_wait(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, extra=LONG_DRAIN)
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(PATIENCE) == 0


def test_ctrl_c_twice_exits_at_once(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra=LONG_DRAIN)
    proxy.good_exit_codes = {0, 1}
    stuck = connect(proxy.rw_port)
    ask(stuck, "begin")
    proxy.process.send_signal(signal.SIGINT)
    wait_until(lambda: _refuses(cluster, proxy.rw_port), what="the drain")
    assert proxy.process.poll() is None
    proxy.process.send_signal(signal.SIGINT)
    proxy.process.wait(PATIENCE)
    assert "another signal, exiting at once" in proxy.log_text()


# Kubernetes' log collector hangs and nobody reads the log. Serving goes on, and so does stopping.
def test_sigterm_works_although_nobody_reads_the_log(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, level="debug")
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(PATIENCE) == 0
    unread, write_end = os.pipe()
    process = subprocess.Popen([str(proxy.binary), "run", "--config", str(proxy.config_path)],
                               stdin=subprocess.DEVNULL, stderr=write_end, stdout=write_end)
    try:
        os.close(write_end)
        wait_until(lambda: not _refuses(cluster, proxy.rw_port), what="pgsteer to serve")
        for _ in range(600):
            psycopg2.connect(**cluster.conninfo(proxy.rw_port)).close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(unread)


# Stopped while it starts, as an impatient supervisor does: an orderly end, not a death by signal.
@pytest.mark.parametrize("delay", [0.0, 0.005, 0.02, 0.1])
def test_sigterm_during_the_start(cluster, run_pgsteer, delay):
    proxy = run_pgsteer(cluster)
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(PATIENCE) == 0
    process = subprocess.Popen([str(proxy.binary), "run", "--config", str(proxy.config_path)],
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until(lambda: _takes_signals(process.pid), what="the program to hold back or take SIGTERM")
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, log


def _takes_signals(pid: int) -> bool:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        masks = dict(line.split(":\t", 1) for line in status if line.startswith(("SigBlk", "SigCgt")))
    return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks.values())
