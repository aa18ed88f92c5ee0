"""Backends found by the Kubernetes API: it says where to look, never who anybody is."""
import pytest

from harness.logins import PendingLogin, address_of, readers, wait_held, wait_readers
from harness.queries import ask, assert_ended, psql
from harness.wait import wait_until
from kube_api.instances import CLUSTER_NAME

# For tests of what makes probes at once: but for a few when pgsteer begins, none comes by itself for three times as long as
# they wait.
SELDOM = {"interval": "1m", "login_interval": "1h"}
SELDOM_CLUSTER = {"role_ttl": "10m"}
HINT_PATIENCE = 20
BURST = 20  # probes; of some 100 that a hint brings


def views(proxy, address: str) -> list:
    return [b for b in proxy.topology()["backends"] if b["address"] == address]


def is_used(proxy, backend) -> bool:
    return any(not b["leaving"] for b in views(proxy, backend.address))


# The one thing users try first.
@pytest.mark.parametrize("route, in_recovery", [("rw", "f"), ("ro", "t")])
def test_psql_prints_the_role_of_the_port(cluster, proxy, route, in_recovery):
    port = proxy.rw_port if route == "rw" else proxy.ro_port
    done = psql(cluster, port, "select pg_is_in_recovery()")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, in_recovery, "")


# kubectl cnpg's own names, in the log, the API and the status page.
def test_backends_are_called_as_their_pods(cluster, proxy, instances):
    names = {b["address"]: b["name"] for b in proxy.topology()["backends"]}
    assert names == {b.address: f"{instances.name_of(b)}:{b.port}" for b in cluster.backends}


# The name of the Cluster is enough where the port is PostgreSQL's: instances, and not the jobs that initdb or join, which
# have the Cluster's label too.
def test_name_of_the_cnpg_cluster_is_enough(cluster, instances, run_pgsteer, source, pods):  # pylint: disable=unused-argument
    job = cluster.network.add(f"job{len(cluster.network.hosts)}")
    pods.create("pg-1-initdb", job.address, {"cnpg.io/cluster": CLUSTER_NAME, "cnpg.io/jobRole": "initdb"})
    proxy = run_pgsteer(cluster, source=source(label_selector=None, cnpg_cluster=CLUSTER_NAME))
    proxy.wait_standbys(2)
    assert {b["address"] for b in proxy.topology()["backends"]} == {b.address for b in cluster.backends}


# Scaled in, scaled out. Whoever reads on the pod that goes may finish.
def test_pod_is_removed_and_another_one_added(cluster, proxy, connect, instances):
    gone, kept = cluster.standbys()
    sessions = [connect(proxy.ro_port) for _ in range(4)]
    on_gone = [session for session in sessions if address_of(session) == gone.address]
    assert on_gone, "nobody reads there: nothing is tested"
    instances.remove(gone)
    wait_until(lambda: proxy.backend_view(gone)["leaving"], what="the removal to be seen")
    wait_readers(proxy, connect, {kept.address})
    assert [ask(session, "select 1") for session in on_gone] == [1, 1]
    for session in sessions:
        session.close()
    wait_until(lambda: not views(proxy, gone.address), what="the pod to be forgotten")
    name = instances.add(gone)
    proxy.wait_standbys(2)
    wait_until(lambda: gone.address in readers(proxy, connect), what="readers on the new pod")
    assert proxy.backend_view(gone)["name"] == f"{name}:{gone.port}"


# kubectl delete pod of a standby: it has its grace period to let readers finish; new ones have to go elsewhere.
def test_deletion_of_a_standby_stops_new_readers(cluster, proxy, connect, instances):
    gone, kept = cluster.standbys()
    sessions = [connect(proxy.ro_port) for _ in range(4)]
    instances.begin_deletion(gone)
    wait_until(lambda: not is_used(proxy, gone), what="the deletion to be seen")
    wait_readers(proxy, connect, {kept.address})
    assert [ask(session, "select 1") for session in sessions] == [1] * 4
    assert instances.pods.get(instances.name_of(gone))["metadata"]["deletionTimestamp"]


# kubectl delete pod of the primary, which is stopped next: nobody new is sent there, and who is idle has left by then.
def test_deletion_of_the_primary_is_a_switchover(cluster, proxy, connect, instances):
    old, successor = cluster.primary, cluster.backends.index(cluster.standbys()[0])
    idle, busy = connect(proxy.rw_port), connect(proxy.rw_port)
    ask(busy, "begin")
    instances.begin_deletion(old)
    assert_ended(idle)
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    ask(busy, "create temporary table t (i int)")
    ask(busy, "commit")
    assert_ended(busy)
    old.stop()
    cluster.promote(successor)
    assert held.address() == cluster.primary.address


# It does not stop: its preStop hook takes its time. Until another one is proven there is nobody else to write to.
def test_deletion_of_a_primary_that_stays_leaves_it_in_use(cluster, proxy, instances):
    instances.begin_deletion(cluster.primary)
    wait_until(lambda: "about to be replaced" in proxy.backend_view(cluster.primary)["reason"],
               what="the deletion to be seen")
    assert PendingLogin(cluster.conninfo(proxy.rw_port)).address() == cluster.primary.address
    assert "discovery dropped it" in proxy.backend_view(cluster.primary)["reason"]
    assert proxy.metrics()["pgsteer_primary_changes_total"] == 0


# A pod's address is given to the next one. What was known of the old pod is not known of the new one, and sessions of the
# old one are not the new one's.
def test_same_address_is_another_backend(cluster, proxy, connect, instances):
    again, kept = cluster.standbys()
    sessions = [connect(proxy.ro_port) for _ in range(4)]
    on_old = [session for session in sessions if address_of(session) == again.address]
    assert on_old, "nobody reads there: nothing is tested"
    instances.remove(again)
    instances.add(again)
    wait_until(lambda: len(views(proxy, again.address)) == 2, what="the new pod beside the old one")
    old = next(b for b in views(proxy, again.address) if b["leaving"])
    wait_until(lambda: any(b["ro_eligible"] for b in views(proxy, again.address)), what="a probe of the new pod")
    new = next(b for b in views(proxy, again.address) if not b["leaving"])
    assert (old["sessions"], new["sessions"]) == (len(on_old), 0) and not old["ro_eligible"]
    wait_readers(proxy, connect, {again.address, kept.address})
    assert [ask(session, "select 1") for session in on_old] == [1] * len(on_old)
    for session in on_old:
        session.close()
    wait_until(lambda: len(views(proxy, again.address)) == 1, what="the old pod to be forgotten")
    assert not proxy.backend_view(again)["leaving"]


# Labels lag behind by seconds, and a manager may be wrong: only the backend's own answer counts.
def test_labels_that_lie_move_nothing(cluster, proxy, connect, instances):
    liar, other = cluster.standbys()
    instances.call(liar, "primary")
    instances.call(cluster.primary, "replica")
    instances.call(other, "unhealthy")
    # What comes last is heard of: so were they.
    instances.begin_deletion(other)
    wait_until(lambda: not is_used(proxy, other), what="the labels to be heard of")
    assert {address_of(connect(proxy.rw_port)) for _ in range(5)} == {cluster.primary.address}
    wait_readers(proxy, connect, {liar.address})
    assert proxy.metrics()["pgsteer_primary_changes_total"] == 0


def mislabel(instances, backend) -> None:
    instances.call(backend, "unhealthy")


def report_unready(instances, backend) -> None:
    instances.report(backend, is_ready=False)


def begin_deletion(instances, backend) -> None:
    instances.begin_deletion(backend)


# They are worth a question, though: a manager changes labels and readiness around a promotion. A standby that is being
# deleted and has no session is forgotten instead.
@pytest.mark.parametrize("who, change", [
    ("primary", mislabel), ("primary", report_unready), ("primary", begin_deletion), ("standby", mislabel),
    ("standby", report_unready)])
def test_change_of_a_pod_makes_a_probe(cluster, run_pgsteer, source, instances, who, change):
    proxy = run_pgsteer(cluster, source=source(), probe=SELDOM, cluster_keys=SELDOM_CLUSTER)
    proxy.wait_standbys(2)
    backend = cluster.primary if who == "primary" else cluster.standbys()[0]
    before = proxy.probes()
    change(instances, backend)
    wait_until(lambda: proxy.probes() >= before + BURST, HINT_PATIENCE, "a burst of probes")


# A pod that is not ready may be what everybody waits for: a promoted primary is, for a while. One without an address is
# nobody.
def test_pod_that_is_not_ready_is_used(cluster, proxy, connect, instances, pods):
    standby, other = cluster.standbys()
    instances.report(standby, is_ready=False)
    instances.report(cluster.primary, is_ready=False)
    pods.client.request("POST", pods.path, {"metadata": {"name": "pg-pending", "labels": {
        "cnpg.io/cluster": CLUSTER_NAME, "cnpg.io/podRole": "instance"}}, "spec": {"containers": [
            {"name": "postgres", "image": "example.test/postgres:15"}]}})
    # What comes last is heard of: so was the rest.
    instances.begin_deletion(other)
    wait_until(lambda: standby.address in readers(proxy, connect) and not is_used(proxy, other), what="the last change")
    wait_readers(proxy, connect, {standby.address})
    assert address_of(connect(proxy.rw_port)) == cluster.primary.address
    assert {b["address"] for b in proxy.topology()["backends"]} <= {b.address for b in cluster.backends}
