"""Backends found by DNS, and a DNS that is empty, wrong or late. It says where to look, never who anybody is.

A responder of the test's own answers in pgsteer's network namespace, where the C library asks it.
"""
import socket
import sys
from pathlib import Path

import pytest

from harness.cluster import PgCluster
from harness.hosts import needs_root, network, proxy_host, whole_cluster  # noqa: F401  pylint: disable=unused-import
from harness.logins import PendingLogin, address_of, retries
from harness.proxy import SHARP
from harness.queries import ask
from harness.wait import wait_until

sys.path.append(str(Path(__file__).parents[1] / "soak"))
from names import Names  # noqa: E402  pylint: disable=wrong-import-position

pytestmark = needs_root
SOURCE = "dns: { name: pg.faults.test, port: 5432, refresh: 200ms }"


@pytest.fixture
def names(network, cluster, proxy_host):
    proxy_host.write_etc("resolv.conf", "nameserver 127.0.0.1\noptions timeout:3 attempts:1\n")
    udp = proxy_host.open_socket(socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 53))
    with Names(udp, [backend.ip for backend in cluster.backends], str(network.subnet[250])) as responder:
        yield responder


@pytest.fixture
def proxy(cluster, run_pgsteer, proxy_host, names):  # pylint: disable=unused-argument
    made = run_pgsteer(cluster, host=proxy_host, source=SOURCE, **SHARP)
    made.wait_standbys(2)
    return made


@pytest.fixture
def join(connect, proxy_host):
    return lambda port, **changes: connect(port, **{"host": proxy_host.address, **changes})


def wait_asked(names, mood: str, count: int = 3) -> None:
    """Until that many answers of this kind have been given, and one more question shows that they were taken."""
    wait_until(lambda: names.asked[mood] > count, what=f"{count} questions while DNS is {mood}")


def readers(proxy, join) -> set:
    return {address_of(join(proxy.ro_port)) for _ in range(6)}


def wait_read_from(proxy, join, backends: list) -> None:
    """Six readers go to all of these and to nobody else; not at once where a slow standby is being spared."""
    wanted = {backend.address for backend in backends}
    wait_until(lambda: readers(proxy, join) == wanted, what=f"readers on {wanted}")


# pgbouncer#383, HAProxy "hold nx": a resolver has a bad minute, and the proxy drops every backend for it. No answer is no
# news: the backends answer their probes, so they stay.
@pytest.mark.parametrize("mood", ["empty", "nxdomain", "servfail", "silent"])
def test_dns_without_an_answer_changes_nothing(cluster, names, proxy, join, mood):
    sessions, log_before = [join(proxy.rw_port), join(proxy.ro_port)], len(proxy.log_text())
    names.mood = mood
    wait_asked(names, mood, 2)
    assert address_of(join(proxy.rw_port)) == cluster.primary.address
    wait_read_from(proxy, join, cluster.standbys())
    assert {b["address"]: b["leaving"] for b in proxy.topology()["backends"]} == {
        b.address: False for b in cluster.backends}
    assert [ask(session, "select 1") for session in sessions] == [1, 1]
    news = proxy.log_text()[log_before:]
    assert news.count("name not resolved, last good answer kept") == 1
    assert "backend forgotten" not in news and proxy.metrics()["pgsteer_primary_changes_total"] == 0


# zalando#1467: the record still names an address where nobody is any more. It is asked, it does not answer, and nobody
# waits for it.
def test_stale_address_gets_nobody(network, cluster, names, proxy, join):
    names.mood = "stale"
    wait_until(lambda: len(proxy.topology()["backends"]) == 4, what="the fourth address")
    nobody = f"{network.subnet[250]}:5432"
    for _ in range(10):
        assert address_of(join(proxy.rw_port)) == cluster.primary.address
        assert address_of(join(proxy.ro_port)) != nobody
    assert retries(proxy) == 0, "a login was sent there and had to wait"
    view = next(b for b in proxy.topology()["backends"] if b["address"] == nobody)
    assert not view["rw_eligible"] and not view["ro_eligible"]
    names.mood = "right"
    wait_until(lambda: len(proxy.topology()["backends"]) == 3, what="the address to be forgotten")


# A standby is scaled away. It gets no new readers from then on; whoever reads there may finish. Then it is back.
def test_address_that_is_withdrawn_keeps_its_sessions(cluster, names, proxy, join):
    gone, kept = cluster.standbys()
    sessions = [join(proxy.ro_port) for _ in range(4)]
    on_gone = [session for session in sessions if address_of(session) == gone.address]
    assert on_gone, "nobody reads there: nothing is tested"
    names.addresses = [cluster.primary.ip, kept.ip]
    wait_until(lambda: "leaving" in proxy.backend_view(gone)["reason"], what="the change to be seen")
    assert gone.address not in readers(proxy, join)
    wait_read_from(proxy, join, [kept])
    assert [ask(session, "select 1") for session in on_gone] == [1, 1]
    names.addresses = [backend.ip for backend in cluster.backends]
    wait_until(lambda: gone.address in readers(proxy, join), what="the standby to be used again")


# The record loses the primary for a minute, or a readiness check drops it: a change of DNS is a hint, not a verdict. As
# long as it proves to be the primary it is used; gone from DNS and silent, it is held for like any other.
def test_primary_that_is_not_named_any_more_stays_in_use(cluster, names, proxy, join):
    session = join(proxy.rw_port)
    names.mood = "without primary"
    wait_until(lambda: "discovery dropped it" in proxy.backend_view(cluster.primary)["reason"],
               what="the change to be seen")
    assert address_of(join(proxy.rw_port)) == cluster.primary.address
    wait_read_from(proxy, join, cluster.standbys())
    cluster.primary.freeze()
    try:
        proxy.wait_view(cluster.primary, "rw_eligible", False)
        waiting = PendingLogin(cluster.conninfo(proxy.rw_port, host=proxy.ip))
        assert waiting.is_waiting()
    finally:
        cluster.primary.thaw()
    assert waiting.address() == cluster.primary.address and ask(session, "select 1") == 1
    names.mood = "right"
    wait_until(lambda: "dropped" not in proxy.backend_view(cluster.primary)["reason"], what="the name to be seen")
    assert proxy.metrics()["pgsteer_primary_changes_total"] == 0


# bitnami/charts#10871: after a failover every address behind the name is another one. What is new is asked before it is
# used, and another cluster's backend is not used at all, whatever the name says.
def test_new_address_is_probed_before_use(cluster, names, proxy, join, network):
    names.addresses = [cluster.primary.ip, cluster.standbys()[0].ip]
    wait_until(lambda: len(proxy.topology()["backends"]) == 2, what="the shorter list")
    with PgCluster(backends=1, network=network, prefix="stranger") as strangers:
        stranger = strangers.primary
        join(stranger.port, host=stranger.ip).close()  # It would let the same clients in.
        let_in = stranger.log_text().count("connection authorized: user=app")
        names.addresses = [stranger.ip] + [backend.ip for backend in cluster.backends]
        wait_until(lambda: "differs from the cluster's" in proxy.backend_view(stranger)["reason"], what="the stranger")
        proxy.wait_standbys(2)
        wait_read_from(proxy, join, cluster.standbys())
        assert address_of(join(proxy.rw_port)) == cluster.primary.address
        assert stranger.log_text().count("connection authorized: user=app") == let_in
