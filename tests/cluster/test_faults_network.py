"""The network between pgsteer and its backends or clients: silence, resets, loss, a hole for large packets.

Every backend and pgsteer on hosts of their own (network namespaces). Nothing here is a failover unless a standby is
promoted: missing answers alone prove nothing.
"""
import socket
import threading
import time

import psycopg2
import pytest

from harness import processes
from harness.hosts import needs_root, network, proxy_host, whole_cluster  # noqa: F401  pylint: disable=unused-import
from harness.logins import PendingLogin, address_of, addresses_of, retries, wait_held
from harness.proxy import SHARP
from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until
from harness.wire import WireClient

pytestmark = needs_root
FAULTS = ("blackhole", "refuse")


@pytest.fixture
def cluster(network, whole_cluster):
    network.heal()
    whole_cluster.repair()
    yield whole_cluster
    network.heal()


@pytest.fixture
def proxy(cluster, run_pgsteer, proxy_host):
    return run_pgsteer(cluster, host=proxy_host, **SHARP)


@pytest.fixture
def join(connect, proxy_host):
    """join(port): a session through pgsteer."""
    return lambda port, **changes: connect(port, host=proxy_host.address, **changes)


def log_in(cluster, proxy, count: int) -> list:
    return [PendingLogin(cluster.conninfo(proxy.rw_port, host=proxy.ip)) for _ in range(count)]


def fail(network, fault: str, *between) -> None:
    getattr(network, fault)(*between)


def changes_of_primary(proxy) -> float:
    return proxy.metrics()["pgsteer_primary_changes_total"]


# patroni#421, pgbouncer#1355: the primary's host vanishes without a word, and clients hang for minutes on its address.
# The same with a reset, which is another branch in every program: an open session learns it at its next packet.
@pytest.mark.parametrize("fault", FAULTS)
def test_primary_cut_off_and_back(network, cluster, proxy, join, fault):
    session, reading = join(proxy.rw_port), join(proxy.ro_port)
    assert address_of(session) == cluster.primary.address
    fail(network, fault, proxy.host, cluster.primary.host)
    early = log_in(cluster, proxy, 3)
    proxy.wait_view(cluster.primary, "rw_eligible", False)
    wait_held(proxy, 3)
    retried = retries(proxy)
    late = log_in(cluster, proxy, 10)
    wait_held(proxy, 13)
    assert retries(proxy) == retried, "a login was sent into the silence"
    assert proxy.topology()["primary"] == cluster.primary.address
    assert address_of(join(proxy.ro_port)) != cluster.primary.address and ask(reading, "select 1") == 1
    network.heal()
    assert addresses_of(early + late) == {cluster.primary.address}
    if fault == "blackhole":
        assert ask(session, "select 1") == 1, "a gap in the network closed a session"
    assert changes_of_primary(proxy) == 0


# The same, and a standby is promoted meanwhile. When the network is whole again two primaries answer.
@pytest.mark.parametrize("fault", FAULTS)
def test_primary_cut_off_and_replaced(network, cluster, proxy, join, fault):
    old, session = cluster.primary, join(proxy.rw_port)
    ask(session, "select 1")
    fail(network, fault, proxy.host, old.host)
    waiting = log_in(cluster, proxy, 5)
    wait_held(proxy, 5)
    successor, other = (i for i, b in enumerate(cluster.backends) if b is not old)
    cluster.promote(successor, followers_follow=False)
    assert addresses_of(waiting) == {cluster.primary.address}
    # By the proof, whatever TCP still hopes for.
    assert_ended(session)
    if fault == "blackhole":  # A reset may have ended it before.
        assert proxy.closed_sessions("fenced") == 1
    cluster.follow(other, successor)
    network.heal()
    wait_until(lambda: "below the fence" in proxy.backend_view(old)["reason"], what="the old primary to be asked")
    for _ in range(10):
        assert address_of(join(proxy.rw_port)) == cluster.primary.address
        assert address_of(join(proxy.ro_port)) != old.address


# pgdog#785: a dead standby stayed in the rotation, and every second reader hung. One miss is enough to spare new
# readers; open sessions wait for the network, as they would without a proxy.
@pytest.mark.parametrize("fault", FAULTS)
def test_standby_cut_off_and_back(network, cluster, proxy, join, fault):
    cut, other = cluster.standbys()
    sessions = [join(proxy.ro_port) for _ in range(4)]
    on_cut = [session for session in sessions if address_of(session) == cut.address]
    assert on_cut, "nobody reads there: nothing is tested"
    fail(network, fault, proxy.host, cut.host)
    proxy.wait_view(cut, "ro_eligible", False)
    assert address_of(join(proxy.ro_port)) != cut.address
    retried = retries(proxy)
    seen = {address_of(join(proxy.ro_port)) for _ in range(6)}
    assert cut.address not in seen and other.address in seen
    assert retries(proxy) == retried, "a reader was sent into the silence"
    assert address_of(join(proxy.rw_port)) == cluster.primary.address
    network.heal()
    proxy.wait_standbys(2)
    wait_until(lambda: cut.address in {address_of(join(proxy.ro_port)) for _ in range(4)}, what="readers there again")
    if fault == "blackhole":
        assert all(ask(session, "select 1") == 1 for session in on_cut)


# pgsteer sees the primary, but no standby. What else is going on it cannot know: it keeps what works, and readers go to
# the primary.
def test_cut_off_from_every_standby(network, cluster, proxy, join):
    session = join(proxy.rw_port)
    for standby in cluster.standbys():
        network.blackhole(proxy.host, standby.host)
    proxy.wait_standbys(0)
    for port in (proxy.rw_port, proxy.ro_port):
        assert address_of(join(port)) == cluster.primary.address
    assert ask(session, "select 1") == 1
    network.heal()
    proxy.wait_standbys(2)
    wait_until(lambda: address_of(join(proxy.ro_port)) != cluster.primary.address, what="readers on a standby")


class Use:
    """A session that is used all the time; what it met."""

    def __init__(self, connection):
        self.connection = connection
        self.asked, self.error = 0, None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._use, daemon=True)
        self.thread.start()

    def _use(self) -> None:
        try:
            while not self.done.wait(0.05):
                ask(self.connection, "select 1")
                self.asked += 1
        except psycopg2.Error as error:
            self.error = error

    def assert_goes_on(self) -> None:
        asked = self.asked
        wait_until(lambda: self.asked > asked + 5 or self.error, what="answers after the network is whole again")
        self.done.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive() and self.error is None, self.error


def missed_probes(proxy) -> float:
    return sum(value for name, value in proxy.metrics().items()
               if name.startswith("pgsteer_probes_total") and 'outcome="answered"' not in name)


# HAProxy marks a backend down after three misses, whatever they mean. At 30 % loss three in a row come every minute, and
# nothing is wrong with any backend.
@pytest.mark.parametrize("percent, one_way", [(5, False), (30, False), (50, True)], ids=["5 %", "30 %", "50 % one way"])
def test_loss_is_no_failover(network, cluster, run_pgsteer, proxy_host, join, percent, one_way):
    # The default times: a patient probe would not notice.
    proxy = run_pgsteer(cluster, host=proxy_host, probe={"timeout": "300ms", "late_after": "100ms"})
    used = [Use(join(port)) for port in (proxy.rw_port, proxy.ro_port)]
    missed = missed_probes(proxy)
    for backend in cluster.backends:
        network.loss(percent, backend.host, proxy.host, one_way=one_way)
    logins = []
    while len(logins) < 20 or (percent > 5 and missed_probes(proxy) == missed):
        logins += log_in(cluster, proxy, 1)
        assert proxy.topology()["primary"] == cluster.primary.address
        assert len(logins) < 300, "no probe was lost: nothing was tested"
        time.sleep(0.2)
    network.heal()
    assert addresses_of(logins) == {cluster.primary.address}
    for use in used:
        use.assert_goes_on()
    metrics = proxy.metrics()
    assert metrics["pgsteer_primary_changes_total"] == 0 and metrics["pgsteer_primary_ambiguous"] == 0


# Half a partition: what pgsteer says arrives, what the primary answers does not.
def test_answers_lost_one_way(network, cluster, proxy, join):
    session = join(proxy.rw_port)
    ask(session, "select 1")
    network.blackhole(cluster.primary.host, proxy.host, one_way=True)
    waiting = log_in(cluster, proxy, 5)
    wait_held(proxy, 5)
    assert proxy.topology()["primary"] == cluster.primary.address
    assert {address_of(join(proxy.ro_port)) for _ in range(4)} <= {s.address for s in cluster.standbys()}
    network.heal()
    assert addresses_of(waiting) == {cluster.primary.address}
    assert ask(session, "select 1") == 1 and changes_of_primary(proxy) == 0


@pytest.fixture
def mtu_hole(network):
    """mtu_hole(a, b): packets over 1400 bytes between these hosts are lost at the switch, until mtu_hole.close()."""
    def nft(text: str) -> None:
        processes.run(["ip", "netns", "exec", network.switch, "nft", "-f", "-"], input=text + "\n")

    def make(a, b) -> None:
        chains = [f"chain from_{host.name} {{ type filter hook ingress device {host.name} priority 1; "
                  f"ip daddr {other.address} meta length > 1400 drop; }}" for host, other in ((a, b), (b, a))]
        nft("\n".join(["table netdev hole {", *chains, "}"]))

    def close() -> None:
        nft("table netdev hole\ndelete table netdev hole")

    make.close = close
    yield make
    close()


# A tunnel with a smaller MTU and a firewall that eats the ICMP message: small packets pass, large ones vanish. The
# probe's question is large. Sessions go on as far as their packets are small, and rw moves nowhere.
def test_mtu_hole_is_no_failover(network, cluster, proxy, join, mtu_hole):
    session, wide, rows = join(proxy.rw_port), join(proxy.rw_port), []
    assert ask(session, "select 1") == ask(wide, "select 1") == 1
    mtu_hole(proxy.host, cluster.primary.host)
    reader = threading.Thread(target=lambda: rows.append(ask(wide, "select repeat('x', 100000)")), daemon=True)
    reader.start()
    for _ in range(40):
        assert ask(session, "select 1") == 1
        assert proxy.topology()["primary"] == cluster.primary.address
        time.sleep(0.05)
    proxy.wait_view(cluster.primary, "rw_eligible", False)
    assert ask(session, "select 1") == 1
    assert not rows, "large packets passed: nothing was tested"
    mtu_hole.close()
    reader.join(PATIENCE)
    assert rows == ["x" * 100000]
    assert PendingLogin(cluster.conninfo(proxy.rw_port, host=proxy.ip)).address() == cluster.primary.address
    assert changes_of_primary(proxy) == 0


def sessions_at(backend) -> int:
    return int(backend.sql("select count(*) from pg_stat_activity where usename = 'app'"))


# A notebook is closed, a NAT forgets: no FIN ever comes. The session of a client that is gone holds a slot of
# max_connections, and often a lock, until somebody looks. Whether it is idle or being written to, keepalive or
# TCP_USER_TIMEOUT ends it and PostgreSQL has its slot back.
def test_client_that_vanishes_frees_its_slot(network, cluster, run_pgsteer, proxy_host):
    client = network.hosts.get("client") or network.add("client")
    tcp = "tcp: { keepalive_idle: 1s, keepalive_interval: 1s, keepalive_count: 2, user_timeout: 3s }\n"
    proxy = run_pgsteer(cluster, host=proxy_host, extra=tcp)
    vanishing = [_log_in_from(client, cluster, proxy) for _ in range(2)]
    idle, written_to = vanishing
    assert idle.query("select 1") == [["1"]]
    written_to.send_query("select repeat('x', 1000), pg_sleep(0.01) from generate_series(1, 100000)")
    written_to.read_message()
    assert sessions_at(cluster.primary) == 2
    network.blackhole(client)
    wait_until(lambda: sessions_at(cluster.primary) == 0, what="both slots to be free", every=0.1)
    wait_until(lambda: proxy.metrics()['pgsteer_sessions{listener="rw"}'] == 0, what="pgsteer to forget them")
    for gone in vanishing:
        gone.close()


def _log_in_from(host, cluster, proxy) -> WireClient:
    opened = host.open_socket(socket.SOCK_STREAM)
    opened.settimeout(PATIENCE)
    opened.connect((proxy.ip, proxy.rw_port))
    return WireClient.over(opened).login("app", cluster.app_password, "appdb")
