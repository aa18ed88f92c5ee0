"""What CloudNativePG says of its cluster. Its word stops new sessions early and makes pgsteer look; it moves nobody."""
import json
import os

import pytest

from harness.logins import PendingLogin, address_of, readers, wait_held, wait_readers
from harness.proxy import patient
from harness.queries import ask, assert_ended
from harness.wait import wait_until
from kube_api.access import RIGHTS as POD_RIGHTS, Account, write_token
from kube_api.cnpg import CnpgCluster, RIGHTS
from kube_api.crowd import Crowd
from kube_api.instances import CLUSTER_NAME

# As in test_pods.py: no probe comes by itself while a test waits for one.
SELDOM = {"interval": "1m", "login_interval": "1h", "primary_login_interval": "1h", "watch_interval": "1m"}
SELDOM_CLUSTER = {"role_ttl": "10m"}
HINT_PATIENCE = 20
BURST = 20
SWITCHING_OVER = "about to be replaced"


@pytest.fixture
def cnpg(kube, namespace, cluster, instances) -> CnpgCluster:
    made = CnpgCluster(kube.admin, namespace)
    made.report(instances.name_of(cluster.primary))
    made.hold_lease(instances.name_of(cluster.primary))
    return made


@pytest.fixture
def account(kube, namespace) -> Account:
    """With the rights to hear of the Cluster and its Lease."""
    return Account(kube.admin, namespace, rights=POD_RIGHTS + RIGHTS)


@pytest.fixture
def run(cluster, cnpg, run_pgsteer, source):  # pylint: disable=unused-argument
    """run(...): a pgsteer that watches the cluster by its name."""
    def start(**options):
        made = run_pgsteer(cluster, source=source(label_selector=None, cnpg_cluster=CLUSTER_NAME), **options)
        made.wait_standbys(2)
        for resource in ("clusters", "leases"):
            wait_until(lambda r=resource: watches(made, r), what=f"the watch of {resource}")
        return made

    return start


def watches(proxy, resource: str) -> bool:
    return proxy.metrics().get(f'pgsteer_discovery_watching{{resource="{resource}"}}') == 1


def names(cluster, instances) -> tuple:
    """Of the primary and of the first standby."""
    return instances.name_of(cluster.primary), instances.name_of(cluster.standbys()[0])


# kubectl cnpg promote, or a rolling update: before the old primary is stopped nobody new is sent there, and who is idle
# has left. Nobody is refused.
def test_planned_switchover(cluster, cnpg, run, connect, instances):
    proxy = run(**patient())
    old, new = cluster.primary, cluster.standbys()[0]
    idle, busy = connect(proxy.rw_port), connect(proxy.rw_port)
    ask(busy, "begin")
    cnpg.announce(*names(cluster, instances))
    assert_ended(idle)
    proxy.wait_view(old, "rw_eligible", False, SWITCHING_OVER)
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    ask(busy, "create temporary table t (i int)")
    ask(busy, "commit")
    assert_ended(busy)
    old.stop()
    cluster.promote(cluster.backends.index(new))
    cnpg.report(instances.name_of(new))
    assert held.address() == new.address
    assert proxy.metrics()['pgsteer_sessions_closed_total{listener="rw",reason="backend_shutting_down"}'] == 2
    assert "sign=\"a switchover is announced\"" in proxy.log_text()


# It has changed its mind.
def test_switchover_that_is_called_off(cluster, cnpg, run, instances):
    proxy = run(**patient())
    old, other = names(cluster, instances)
    cnpg.announce(old, other)
    proxy.wait_view(cluster.primary, "rw_eligible", False, SWITCHING_OVER)
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    cnpg.report(old)
    assert held.address() == cluster.primary.address


# Its operator has stopped in the middle: after a while new sessions go on where the only primary is.
def test_switchover_that_does_not_come(cluster, cnpg, run, instances):
    proxy = run(**patient())
    cnpg.announce(*names(cluster, instances))
    proxy.wait_view(cluster.primary, "rw_eligible", False, SWITCHING_OVER)
    assert PendingLogin(cluster.conninfo(proxy.rw_port)).address() == cluster.primary.address
    assert proxy.metrics()["pgsteer_primary_changes_total"] == 0


# A failover that is looking for a successor, and names that mean nobody: no switchover is announced by them.
@pytest.mark.parametrize("target", ["pending", "pg-99"])
def test_target_that_is_no_instance_holds_nobody(cluster, cnpg, run, instances, connect, target):
    proxy = run(**patient())
    cnpg.announce(instances.name_of(cluster.primary), target)
    # What comes last is heard of: so was the first.
    cnpg.annotate("fencedInstances", json.dumps([instances.name_of(cluster.standbys()[0])]))
    wait_readers(proxy, connect, {cluster.standbys()[1].address})
    assert address_of(connect(proxy.rw_port)) == cluster.primary.address
    assert "a switchover is announced" not in proxy.log_text()


# kubectl cnpg fencing on: PostgreSQL is stopped there and the pod stays.
def test_fenced_standby_gets_no_readers(cluster, cnpg, run, instances, connect):
    proxy = run(**patient())
    fenced, other = cluster.standbys()
    cnpg.annotate("fencedInstances", json.dumps([instances.name_of(fenced)]))
    wait_readers(proxy, connect, {other.address})
    cnpg.annotate("fencedInstances", None)
    wait_until(lambda: fenced.address in readers(proxy, connect), what="readers on the standby again")


# It is stopped next, and until then nobody else can write. Readers have nowhere to go but there: no standby takes them.
@pytest.mark.parametrize("annotation, value", [("fencedInstances", '["*"]'), ("hibernation", "on")])
def test_primary_is_used_until_it_stops(cluster, cnpg, run, connect, annotation, value):
    proxy = run(**patient())
    cnpg.annotate(annotation, value)
    wait_readers(proxy, connect, {cluster.primary.address})
    assert address_of(connect(proxy.rw_port)) == cluster.primary.address


# Its annotation is stale: the operator is gone, and somebody has promoted it by hand. Its proof counts like any other.
def test_fenced_standby_that_is_promoted_is_the_primary(cluster, cnpg, run, instances):
    proxy = run(**patient())
    old, fenced = cluster.primary, cluster.standbys()[0]
    cnpg.annotate("fencedInstances", json.dumps([instances.name_of(fenced)]))
    proxy.wait_view(fenced, "ro_eligible", False, "fenced by its manager")
    old.kill9()
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    cluster.promote(cluster.backends.index(fenced))
    assert held.address() == fenced.address


# The new primary takes the Lease some 0.7 s before it is promoted: that is worth a look.
def test_lease_that_changes_hands_makes_probes(cluster, cnpg, run, instances):
    proxy = run(probe=SELDOM, cluster_keys=SELDOM_CLUSTER)
    before = proxy.probes()
    cnpg.hold_lease(instances.name_of(cluster.standbys()[0]))
    wait_until(lambda: proxy.probes() >= before + BURST, HINT_PATIENCE, "a burst of probes")
    assert proxy.topology()["primary"] == cluster.primary.address


# The Role of the other source: everything but the hints works, and that is said once for each.
def test_without_the_rights_probes_alone_decide(kube, namespace, cluster, cnpg, instances, run_pgsteer, source,
                                                token_file, connect):
    plain = Account(kube.admin, namespace, "plain")
    write_token(token_file, plain.token())
    proxy = run_pgsteer(cluster, source=source(label_selector=None, cnpg_cluster=CLUSTER_NAME))
    proxy.wait_standbys(2)

    def refusals(resource: str) -> list:
        return [r for r in kube.server.audit.requests(plain.user) if r.status == 403 and resource in r.path]

    wait_until(lambda: len(refusals("clusters")) >= 2 and len(refusals("leases")) >= 2, what="the refusals")
    cnpg.announce(*names(cluster, instances))
    assert address_of(connect(proxy.rw_port)) == cluster.primary.address
    wait_readers(proxy, connect, {b.address for b in cluster.standbys()})
    assert proxy.log_text().count("switchovers and fencing are noticed by probes alone") == 1
    assert proxy.log_text().count("a promotion is noticed by probes alone") == 1


# Pods, one Cluster, one Lease; no Secret, and nothing of other clusters.
def test_no_more_is_asked_for(kube, account, cnpg, run, namespace):
    run()
    asked = kube.server.audit.requests(account.user)
    assert {r.status for r in asked} == {200}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    assert {(r.verb, r.path) for r in asked} == {
        (verb, path) for verb in ("list", "watch") for path in (pods, cnpg.path, cnpg.lease_path)}


# Nobody who comes while it happens is refused, and nobody is on the old primary any more when that is stopped.
# PGSTEER_SWITCHOVER_LOGINS: how many come (scripts/soak switchovers); first statements that failed are told, not judged.
def test_logins_during_planned_switchovers(cluster, cnpg, run, instances):
    proxy = run(**patient())
    crowd = Crowd(cluster.conninfo(proxy.rw_port), int(os.environ.get("PGSTEER_SWITCHOVER_LOGINS", "300")))
    switchovers = 0
    while not crowd.is_done():
        old, new = cluster.primary, cluster.standbys()[0]
        cnpg.announce(*names(cluster, instances))
        proxy.wait_view(old, "rw_eligible", False, SWITCHING_OVER)
        wait_until(lambda o=old: proxy.backend_view(o)["sessions"] == 0, what="the old primary to be left by everybody")
        old.stop()
        cluster.promote(cluster.backends.index(new))
        cnpg.report(instances.name_of(new))
        cluster.repair()
        enough = crowd.count() + crowd.logins // 10
        wait_until(lambda e=enough: crowd.is_done() or crowd.count() > e, what="logins on the new primary")
        switchovers += 1
    print(f"{crowd.count()} logins during {switchovers} switchovers: {len(crowd.refused)} refused, "
          f"{crowd.cut_off} ended before their first statement was answered")
    assert not crowd.refused
    assert switchovers >= 1
    assert proxy.metrics()["pgsteer_primary_changes_total"] == switchovers
