"""Whatever stands still: a whole primary, only its postmaster, pgsteer itself; and pgsteer without descriptors."""
import os
import resource
import signal
import socket
import threading
import time

import pytest

from harness.logins import PendingLogin, address_of, addresses_of, retries, wait_held
from harness.proxy import SHARP
from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until
from harness.wire import PgError, WireClient, startup_packet

FROZEN_SECONDS = 10  # At the least; role_ttl is less, and so is all that pgsteer then knows.


@pytest.fixture
def proxy(cluster, run_pgsteer):
    return run_pgsteer(cluster, **SHARP)


def log_in(cluster, proxy, count: int) -> list:
    return [PendingLogin(cluster.conninfo(proxy.rw_port)) for _ in range(count)]


def promote_another(cluster, old) -> None:
    """A standby succeeds a primary that cannot be asked, and the other standby follows."""
    successor, other = (i for i, b in enumerate(cluster.backends) if b is not old)
    cluster.promote(successor, followers_follow=False)
    cluster.follow(other, successor)


def assert_never_used(proxy, connect, old) -> None:
    for _ in range(20):
        for port in (proxy.rw_port, proxy.ro_port):
            connection = connect(port)
            assert address_of(connection) != old.address
            connection.close()


# A live migration or a stuck disk: the primary stands still for a second and goes on. Closing its sessions, or moving
# rw, would turn a hiccup into an outage; sending more logins there would hang each of them.
def test_frozen_primary_keeps_its_sessions_and_gets_no_more_logins(cluster, proxy, connect):
    session = connect(proxy.rw_port)
    assert address_of(session) == cluster.primary.address
    before = retries(proxy)
    cluster.primary.freeze()
    arriving = log_in(cluster, proxy, 1)  # Its own slowness is the first sign.
    while proxy.backend_view(cluster.primary)["rw_eligible"]:
        arriving += log_in(cluster, proxy, 1)
        assert len(arriving) < 500, "nobody notices"
        time.sleep(0.05)
    wait_held(proxy, len(arriving))
    retried = retries(proxy)
    assert retried > before, "no login met the freeze: it proves nothing"
    late = log_in(cluster, proxy, 20)
    wait_held(proxy, len(arriving) + 20)
    # A login that is sent to the frozen primary waits there, and is held only when it comes back as a retry.
    assert retries(proxy) == retried
    assert address_of(connect(proxy.ro_port)) in {standby.address for standby in cluster.standbys()}
    assert all(login.is_waiting() for login in arriving + late)
    cluster.primary.thaw()
    assert addresses_of(arriving + late) == {cluster.primary.address}
    assert address_of(session) == cluster.primary.address


# The same, but the HA manager loses patience. Thawed, the old primary still believes that it is the primary. With the
# postmaster alone frozen its old sessions even go on writing: only the higher timeline tells.
@pytest.mark.parametrize("postmaster_only", [False, True], ids=["whole instance", "postmaster only"])
def test_frozen_primary_that_is_replaced_is_fenced(cluster, proxy, connect, postmaster_only):
    old, session = cluster.primary, connect(proxy.rw_port)
    reading = connect(proxy.ro_port)
    ask(session, "select 1")
    old.freeze(postmaster_only)
    waiting = log_in(cluster, proxy, 5)
    wait_held(proxy, 5)
    promote_another(cluster, old)
    assert addresses_of(waiting) == {cluster.primary.address}
    # pgsteer need not hear from the frozen one to close its sessions, nor for dead_after.
    assert_ended(session)
    assert proxy.closed_sessions("fenced") == 1
    assert ask(reading, "select 1") == 1
    old.thaw()
    proxy.wait_view(old, "rw_eligible", False, "below the fence")
    assert_never_used(proxy, connect, old)


# patroni#1371, cloudnative-pg#10678: sessions and persistent connections work, so probes on one see nothing, while
# every new login hangs.
def test_frozen_postmaster_of_the_primary_stops_logins_only(cluster, proxy, connect):
    session = connect(proxy.rw_port)
    cluster.primary.freeze(postmaster_only=True)
    waiting = log_in(cluster, proxy, 5)
    proxy.wait_view(cluster.primary, "rw_eligible", False, "login hangs")
    wait_held(proxy, 5)
    later = log_in(cluster, proxy, 5)
    wait_held(proxy, 10)
    assert ask(session, "create temporary table written as select 1 as value; select value from written") == 1
    assert proxy.topology()["primary"] == cluster.primary.address
    assert address_of(connect(proxy.ro_port)) != cluster.primary.address
    cluster.primary.thaw()
    assert addresses_of(waiting + later) == {cluster.primary.address}
    assert ask(session, "select value from written") == 1


# The proxy's own host stands still for ten seconds, and the failover happens in that time. What it knew before is
# history: not one login of the crowd that waits at its door may go by that.
def test_frozen_pgsteer_asks_again_before_the_first_login(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, probe={"timeout": "2s"}, cluster_keys={"role_ttl": "3s"})
    old, session = cluster.primary, connect(proxy.rw_port)
    ask(session, "select 1")
    accepted = [WireClient(proxy.rw_port) for _ in range(20)]
    wait_until(lambda: proxy.metrics()['pgsteer_sessions{listener="rw"}'] == 21, what="the crowd to be accepted")
    proxy.process.send_signal(signal.SIGSTOP)
    frozen_at = time.monotonic()
    try:
        promote_another(cluster, old)
        for client in accepted:
            client.socket.sendall(startup_packet(user="app", database="appdb"))
        in_the_queue = log_in(cluster, proxy, 20)
        connections_before = old.log_text().count("connection authorized: user=app")
        time.sleep(max(0.0, frozen_at + FROZEN_SECONDS - time.monotonic()))
        assert old.sql("select pg_is_in_recovery()") == "f", "the old primary must be there to be chosen"
    finally:
        proxy.process.send_signal(signal.SIGCONT)
    went_to = _finish_logins(cluster, accepted)
    assert went_to == {cluster.primary.address}
    assert addresses_of(in_the_queue) == {cluster.primary.address}
    assert old.log_text().count("connection authorized: user=app") == connections_before
    assert_ended(session)
    assert proxy.stood_still()


def _finish_logins(cluster, clients: list) -> set:
    """Those whose startup packet is sent already."""
    found, errors = [], []

    def finish(client: WireClient) -> None:
        try:
            client.read_login(cluster.app_password)
            found.append(f"127.0.0.1:{client.query('select inet_server_port()')[0][0]}")
        except (PgError, OSError, EOFError) as error:
            errors.append(repr(error))
        finally:
            client.close()

    threads = [threading.Thread(target=finish, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == len(clients), f"{len(clients) - len(found)} logins did not succeed: {errors}"
    return set(found)


class DescriptorsTaken:
    """Leaves a running pgsteer a few descriptors and takes those by idle clients."""

    SPARE, CLIENTS = 10, 40

    def __init__(self, proxy):
        self.proxy, self.pid = proxy, proxy.process.pid
        self.limits = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        self.clients = []

    def __enter__(self):
        in_use = len(os.listdir(f"/proc/{self.pid}/fd"))
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (in_use + self.SPARE, self.limits[1]))
        self.clients = [socket.create_connection(("127.0.0.1", self.proxy.rw_port)) for _ in range(self.CLIENTS)]
        return self

    def __exit__(self, *unused) -> None:
        """The clients leave; the limit stays, as it would."""
        for client in self.clients:
            client.close()


# Somebody's leak, or RLIMIT_NOFILE set by an old unit file. pg_doorman took EMFILE for a failure of its backends; it is
# trouble of this host, nobody's role, and it ends when clients leave.
def test_no_descriptors_left_is_no_failure_of_a_backend(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, probe={"login_interval": "500ms"})
    session, reading = connect(proxy.rw_port), connect(proxy.ro_port)
    # After the promotions of the stories before, a standby is proven only once it has replayed beyond the fence.
    proxy.wait_standbys(2)
    generation = proxy.topology()["generation"]
    began = time.monotonic()
    with DescriptorsTaken(proxy):
        wait_until(lambda: "cannot accept connections" in proxy.log_text(), what="the note in the log")
        log_before = len(proxy.log_text())
        waiting = log_in(cluster, proxy, 5)
        wait_until(lambda: "local_trouble" in proxy.log_text(), what="a fresh probe login without a descriptor")
        for _ in range(30):  # More of them meanwhile.
            assert ask(session, "select 1") == ask(reading, "select 1") == 1
            time.sleep(0.05)
        assert all(login.is_waiting() for login in waiting)
    assert addresses_of(waiting) == {cluster.primary.address}
    news = proxy.log_text()[log_before:]
    if not proxy.stood_still():
        assert "backend changed" not in news and proxy.topology()["generation"] == generation
    assert proxy.metrics()["pgsteer_primary_changes_total"] == 0
    # Once, and again at most every ten seconds: server/acceptor.cpp.
    assert 1 <= proxy.log_text().count("cannot accept connections") <= 1 + (time.monotonic() - began) // 10
    assert address_of(connect(proxy.ro_port)) != cluster.primary.address
