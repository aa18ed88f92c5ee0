"""The API server does not know any more what pgsteer asks for: 410 Gone, in its two forms."""

from harness.logins import readers, wait_readers
from harness.wait import wait_until
from kube_api.instances import CLUSTER_NAME
from kube_api.pods import Pods

# Every list and watch is answered by etcd: what is compacted there is gone here at once.
API_SERVER_FLAGS = ["--watch-cache=false"]


def watches(kube, account) -> list:
    return [r for r in kube.server.audit.requests(account.user, "watch") if not r.has_ended]


def lists(kube, account) -> list:
    return kube.server.audit.requests(account.user, "list")


# The API server was away for so long that etcd has forgotten what pgsteer heard last; and what happened meanwhile was
# never told. HTTP says 200, the first event says 410.
def test_watch_that_comes_back_too_late(kube, account, cluster, proxy, connect, instances):
    gone, kept = cluster.standbys()
    wait_until(lambda: watches(kube, account), what="the first watch")
    listed = len(lists(kube, account))
    other = kube.add_server()
    other.start()
    kube.server.kill9()
    Pods(other.admin, instances.pods.namespace).remove(instances.name_of(gone))
    version = kube.etcd.compact()
    other.kill9()
    kube.server.start()
    wait_readers(proxy, connect, {kept.address})
    wait_until(lambda: len(lists(kube, account)) > listed, what="another list")
    late = [r for r in watches(kube, account) if int(r.query["resourceVersion"]) < version]
    assert late[-1].status == 200
    wait_until(lambda: int(watches(kube, account)[-1].query["resourceVersion"]) >= version, what="the next watch")
    assert proxy.topology()["primary"] == cluster.primary.address
    instances.add(gone)
    wait_until(lambda: gone.address in readers(proxy, connect), what="readers on the new pod")


# More pods than a page holds, and etcd is compacted between two pages: HTTP says 410, half a list is no list, and another
# one is begun.
def test_list_whose_next_page_is_gone(kube, account, cluster, run_pgsteer, source, gate, instances, pods, connect):
    for i in range(300):
        # Between the first instance and the second: lists are in the order of the names.
        pods.client.request("POST", pods.path, {
            "metadata": {"name": f"{CLUSTER_NAME}-1-{i}", "labels": {"cnpg.io/cluster": CLUSTER_NAME}},
            "spec": {"containers": [{"name": "postgres", "image": "example.test/postgres:15"}]}})
    second_page = gate.hold(lambda target: "continue=" in target)
    proxy = run_pgsteer(cluster, source=source(api_server=gate.url), waits=False)
    second_page.wait_reached()
    assert proxy.topology()["backends"] == []
    instances.report(cluster.primary, is_ready=False)  # A newer version than the list's.
    kube.etcd.compact()
    second_page.release()
    proxy.wait_ready()
    proxy.wait_standbys(2)
    wait_readers(proxy, connect, {b.address for b in cluster.standbys()})
    told = [("continue" in r.query, r.status) for r in lists(kube, account)]
    assert told[:3] == [(False, 200), (True, 410), (False, 200)] and told[-1] == (True, 200)
