"""The API server is away, leaving, frozen or not there yet. It is a source of candidates: sessions and failover do not
need it, and everything goes on from the last good set.
"""
import pytest

from harness.logins import PendingLogin, address_of, readers, wait_readers
from harness.queries import ask
from harness.wait import wait_until
from kube_api.client import Refused
from kube_api.pods import Pods

SHUTDOWN_SECONDS = 5  # Of a server that got SIGTERM; 60 by default.
API_SERVER_FLAGS = [f"--request-timeout={SHUTDOWN_SECONDS}s"]


@pytest.fixture
def proxy(kube, account, proxy):  # pylint: disable=redefined-outer-name
    """Its watch is open."""
    wait_until(lambda: kube.server.audit.requests(account.user, "watch"), what="the first watch")
    return proxy


def assert_served(cluster, proxy, connect) -> None:
    """New sessions of both kinds go where they belong."""
    assert address_of(connect(proxy.rw_port)) == cluster.primary.address
    wait_readers(proxy, connect, {b.address for b in cluster.standbys()})


def fail_over(cluster, proxy, connect) -> None:
    """The primary dies, a standby is promoted, and logins that came between are served there."""
    old, successor = cluster.primary, cluster.backends.index(cluster.standbys()[0])
    old.kill9()
    waiting = PendingLogin(cluster.conninfo(proxy.rw_port))
    cluster.promote(successor)
    assert waiting.address() == cluster.primary.address
    assert_served(cluster, proxy, connect)


def assert_follows(cluster, proxy, connect, instances) -> None:
    """What the API tells is acted on."""
    standby = cluster.standbys()[0]
    instances.remove(standby)
    wait_until(lambda: standby.address not in readers(proxy, connect), what="the removed pod to get no reader")
    instances.add(standby)
    wait_until(lambda: standby.address in readers(proxy, connect), what="the new pod to get readers")


# An upgrade of the control plane, or an etcd without a quorum: kubectl hangs, the database must not.
def test_kill9_of_the_api_server_and_its_return(kube, cluster, proxy, connect, instances):
    sessions = [connect(proxy.rw_port), connect(proxy.ro_port)]
    kube.server.kill9()
    assert_served(cluster, proxy, connect)
    assert [ask(session, "select 1") for session in sessions] == [1, 1]
    kube.server.start()
    assert_follows(cluster, proxy, connect, instances)
    assert [ask(session, "select 1") for session in sessions] == [1, 1]
    assert proxy.metrics()["pgsteer_primary_changes_total"] == 0


# A whole zone goes: the primary, and the API server too.
def test_promotion_while_the_api_server_is_down(kube, cluster, proxy, connect, instances):
    kube.server.kill9()
    fail_over(cluster, proxy, connect)
    kube.server.start()
    assert_follows(cluster, proxy, connect, instances)
    assert cluster.primary.address == proxy.topology()["primary"]


# What changed while it was away is not lost: the watch goes on from where it was.
def test_change_while_the_api_server_was_away(kube, cluster, proxy, connect, instances):
    gone, kept = cluster.standbys()
    other = kube.add_server()
    other.start()
    kube.server.kill9()
    Pods(other.admin, instances.pods.namespace).remove(instances.name_of(gone))
    other.kill9()
    assert_served(cluster, proxy, connect)
    kube.server.start()
    wait_readers(proxy, connect, {kept.address})
    assert proxy.topology()["primary"] == cluster.primary.address


# SIGTERM: for a minute by default the watch is open, hears nothing, and no new one is to be had.
def test_api_server_that_is_leaving(kube, account, cluster, proxy, connect, instances):
    watches = len(kube.server.audit.requests(account.user, "watch"))
    kube.server.terminate()
    fail_over(cluster, proxy, connect)
    kube.server.wait_ended()
    ended = [r for r in kube.server.audit.requests(account.user, "watch")[watches:] if r.has_ended]
    assert len(ended) == 1, "the watch was to last until the server had left"
    assert_served(cluster, proxy, connect)
    kube.server.start()
    assert_follows(cluster, proxy, connect, instances)


# Another API server of the same control plane takes the changes meanwhile, and the watch at the one that leaves tells.
def test_change_is_told_by_an_api_server_that_is_leaving(kube, cluster, proxy, connect, instances):
    gone, kept = cluster.standbys()
    other = kube.add_server()
    other.start()
    kube.server.terminate()
    Pods(other.admin, instances.pods.namespace).remove(instances.name_of(gone))
    wait_readers(proxy, connect, {kept.address})
    assert kube.server.is_running(), "it was another watch that told"


# A hypervisor pauses the control plane: connections are taken, and nobody answers on them.
def test_frozen_api_server(kube, cluster, proxy, connect, instances):
    kube.server.freeze()
    fail_over(cluster, proxy, connect)
    kube.server.thaw()
    assert_follows(cluster, proxy, connect, instances)


# etcd hangs: the API server answers that it is alive, and nothing else.
def test_frozen_etcd(kube, cluster, proxy, connect, instances):
    kube.etcd.freeze()
    try:
        with pytest.raises((Refused, OSError)):
            instances.pods.client.request("PATCH", f"{instances.pods.path}/pg-1", {}, timeout=1)
        fail_over(cluster, proxy, connect)
    finally:
        kube.etcd.thaw()
    wait_until(instances.pods.list, what="the API server to answer again")
    assert_follows(cluster, proxy, connect, instances)


# pgsteer's pod starts first.
def test_pgsteer_is_there_before_the_api_server(kube, cluster, instances, run_pgsteer, source, connect):
    assert instances
    kube.server.kill9()
    proxy = run_pgsteer(cluster, source=source(), waits=False)
    assert not proxy.is_ready() and proxy.topology()["backends"] == []
    waiting = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_until(lambda: "does not answer" in proxy.log_text(), what="the reason in the log")
    assert waiting.is_waiting()
    kube.server.start()
    assert waiting.address() == cluster.primary.address
    proxy.wait_standbys(2)
    assert_served(cluster, proxy, connect)
