"""Readers stay in pgsteer's own zone, as long as a standby is well there: what pods and EndpointSlices say of zones."""
import pytest

from harness.logins import readers, wait_readers
from harness.wait import wait_until
from kube_api.access import RIGHTS as POD_RIGHTS, Account, write_token
from kube_api.instances import CLUSTER_NAME
from kube_api.zones import RIGHTS, Slice, ZONE, create_machine

# On in Kubernetes 1.35 by default.
API_SERVER_FLAGS = ["--feature-gates=PodTopologyLabelsAdmission=true"]
NEAR = {"zone": "east"}


@pytest.fixture
def account(kube, namespace) -> Account:
    """With the right to read EndpointSlices."""
    return Account(kube.admin, namespace, rights=POD_RIGHTS + RIGHTS)


@pytest.fixture
def cnpg_slices(kube, namespace) -> Slice:
    """Of the Service that has every instance."""
    return Slice(kube.admin, namespace, f"{CLUSTER_NAME}-r")


def label_zones(pods, instances, cluster) -> tuple:
    """Of the standbys, that in east and that in west."""
    near, far = cluster.standbys()
    pods.label(instances.name_of(cluster.primary), {ZONE: "west"})
    pods.label(instances.name_of(near), {ZONE: "east"})
    pods.label(instances.name_of(far), {ZONE: "west"})
    return near, far


# The near one serves all; when it is gone the other one does, and gives them back.
def test_readers_stay_in_their_zone(cluster, instances, pods, run_pgsteer, source, connect):
    near, far = label_zones(pods, instances, cluster)
    proxy = run_pgsteer(cluster, source=source(), cluster_keys=NEAR)
    proxy.wait_standbys(2)
    wait_readers(proxy, connect, {near.address})
    metrics = proxy.metrics()
    assert metrics[f'pgsteer_backend_own_zone{{backend="{near.address}",zone="east"}}'] == 1
    assert metrics[f'pgsteer_backend_own_zone{{backend="{far.address}",zone="west"}}'] == 0
    near.kill9()
    wait_readers(proxy, connect, {far.address})
    near.start()
    wait_readers(proxy, connect, {near.address})


# Twenty sessions load nobody; what comes then goes where there is less to do, two to one in the end.
def test_the_own_zone_is_not_overloaded(cluster, instances, pods, run_pgsteer, source, connect):
    near, far = label_zones(pods, instances, cluster)
    proxy = run_pgsteer(cluster, source=source(), cluster_keys=NEAR)
    proxy.wait_standbys(2)
    wait_readers(proxy, connect, {near.address})
    kept = [connect(proxy.ro_port) for _ in range(90)]
    near_ones, far_ones = (proxy.backend_view(backend)["sessions"] for backend in (near, far))
    assert near_ones + far_ones == len(kept)
    # The probe's own connection counts on each side, and those of the readers before that the server had not ended yet.
    assert 50 <= near_ones <= 66
    for session in kept:
        session.close()


# Kubernetes before 1.35: pods carry no zone, slices do; the Cluster's name says which.
def test_zones_are_read_from_endpoint_slices(cluster, instances, pods, cnpg_slices, run_pgsteer, source, connect):
    far, near = cluster.standbys()
    proxy = run_pgsteer(cluster, source=source(label_selector=None, cnpg_cluster=CLUSTER_NAME), cluster_keys=NEAR)
    proxy.wait_standbys(2)
    assert readers(proxy, connect) == {near.address, far.address}
    zones = {cluster.primary: "west", near: "east", far: "west"}
    cnpg_slices.place([(pods.get(instances.name_of(backend)), zone) for backend, zone in zones.items()])
    wait_readers(proxy, connect, {near.address})
    assert proxy.backend_view(far)["zone"] == "west"
    cnpg_slices.place([(pods.get(instances.name_of(far)), "east")])  # Somebody has labelled its machine anew.
    wait_readers(proxy, connect, {near.address, far.address})
    cnpg_slices.place([])  # The Service is switched off; pods stay where they are.
    pods.label(instances.name_of(far), {"changed": "yes"})
    wait_readers(proxy, connect, {near.address, far.address})
    assert proxy.topology()["zone"] == "east"


# Its own pod is behind a Service of its own, which is named beside that of the standbys.
def test_own_zone_is_read_from_the_own_service(cluster, instances, pods, kube, namespace, run_pgsteer, source, connect,
                                               monkeypatch):
    near, _ = label_zones(pods, instances, cluster)
    monkeypatch.setenv("POD_NAME", "pgsteer-5d4c")
    pods.create("pgsteer-5d4c", "127.0.0.1", {"app": "pgsteer"})
    own = Slice(kube.admin, namespace, "pgsteer")
    own.place([(pods.get("pgsteer-5d4c"), "east")])
    proxy = run_pgsteer(cluster, source=source(zone_services=["pgsteer"]))
    proxy.wait_standbys(2)
    wait_readers(proxy, connect, {near.address})
    assert "own zone found zone=east" in proxy.log_text()


# It may not read slices: it says so, and balances as if there were no zones.
def test_without_the_right_zones_are_unknown(cluster, instances, kube, namespace, run_pgsteer, source,  # pylint: disable=unused-argument
                                             connect, tmp_path):
    weak = Account(kube.admin, namespace, name="weak")
    token = tmp_path / "weak-token"
    write_token(token, weak.token())
    proxy = run_pgsteer(cluster, source=source(zone_services=["pg-r"], token_file=str(token)), cluster_keys=NEAR)
    proxy.wait_standbys(2)
    wait_until(lambda: proxy.metrics().get(
        'pgsteer_discovery_errors_total{resource="endpointslices",kind="forbidden"}', 0) >= 2, what="it to be refused twice")
    assert proxy.log_text().count("zones are known from the pods' labels alone") == 1
    assert readers(proxy, connect) == {backend.address for backend in cluster.standbys()}


# A mistyped zone, or none where pods have theirs: readers go everywhere, and the log says why.
@pytest.mark.parametrize("zone, words", [
    ("East", "no backend is in pgsteer's own zone zone=East"),
    ("auto", "pgsteer's own zone is not known, the backends' zones play no part")])
def test_zone_that_is_of_no_use_is_told(cluster, instances, pods, run_pgsteer, source, connect, zone, words):
    label_zones(pods, instances, cluster)
    proxy = run_pgsteer(cluster, source=source(label_selector=None, cnpg_cluster=CLUSTER_NAME), cluster_keys={"zone": zone})
    proxy.wait_standbys(2)
    assert readers(proxy, connect) == {backend.address for backend in cluster.standbys()}
    assert proxy.log_text().count(words) == 1


# What the zone's label on a pod is worth: the API server takes it from the machine.
def test_a_pod_takes_over_the_zone_of_its_machine(kube, pods):
    create_machine(kube.admin, "machine-in-east", "east")
    pods.client.request("POST", pods.path, {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bound"},
        "spec": {"containers": [{"name": "postgres", "image": "example.test/postgres:15"}]}})
    assert ZONE not in pods.get("bound")["metadata"].get("labels", {})
    pods.client.request("POST", f"{pods.path}/bound/binding", {
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": "bound"},
        "target": {"kind": "Node", "name": "machine-in-east"}})
    assert pods.get("bound")["metadata"]["labels"][ZONE] == "east"
