"""The test bed itself: what the API server says of pods, and what of it a watch hears."""
import pytest

from harness.wait import wait_until
from kube_api.client import Refused
from kube_api.pods import GRACE_SECONDS, is_about

LABELS = {"cnpg.io/cluster": "pg", "cnpg.io/instanceRole": "replica"}


def follow(pods, **query):
    """A watch of everything from now on."""
    version = pods.list()["metadata"]["resourceVersion"]
    return pods.client.watch(pods.path, resourceVersion=version, **query)


# Pods get the addresses of the test's own PostgreSQL processes. An EndpointSlice would not take them, so a client that
# goes by those cannot be tested here.
def test_pod_may_have_a_loopback_address(pods, kube, namespace):
    pods.create("pg-1", "127.0.1.1", LABELS)
    pod = pods.get("pg-1")
    assert pod["status"]["podIP"] == "127.0.1.1" and pod["status"]["phase"] == "Running"
    assert {c["type"]: c["status"] for c in pod["status"]["conditions"]}["Ready"] == "True"
    with pytest.raises(Refused, match="127.0.1.1.*loopback") as refused:
        kube.admin.request("POST", f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices", {
            "metadata": {"name": "pg"}, "addressType": "IPv4", "endpoints": [{"addresses": ["127.0.1.1"]}],
            "ports": []})
    assert refused.value.status == 422


def test_list_and_watch_by_label(pods):
    pods.create("pg-1", "127.0.1.1", LABELS)
    pods.create("other", "127.0.1.2", {"app": "other"})
    found = pods.list(labelSelector="cnpg.io/cluster=pg")
    assert [pod["metadata"]["name"] for pod in found["items"]] == ["pg-1"]
    watch = follow(pods, labelSelector="cnpg.io/cluster=pg")
    uid = pods.create("pg-2", "127.0.1.3", LABELS)
    pods.create("other-2", "127.0.1.4", {"app": "other"})
    watch.wait_event(is_about("pg-2", "ADDED"))
    addressed = watch.wait_event(lambda event: event["object"]["status"].get("podIP") == "127.0.1.3")
    assert addressed["type"] == "MODIFIED" and addressed["object"]["metadata"]["uid"] == uid
    # A pod that the selector does not match any more is gone for who watches by it.
    pods.label("pg-2", {"cnpg.io/cluster": None})
    watch.wait_event(is_about("pg-2", "DELETED"))
    assert not any(is_about(name)(event) for name in ("other", "other-2") for event in watch.events)
    watch.close()


def test_change_of_readiness_and_of_a_label_is_told(pods):
    pods.create("pg-1", "127.0.1.1", LABELS)
    watch = follow(pods)
    pods.report("pg-1", "127.0.1.1", is_ready=False)
    watch.wait_event(lambda event: any(c["type"] == "Ready" and c["status"] == "False"
                                       for c in event["object"]["status"]["conditions"]))
    pods.label("pg-1", {"cnpg.io/instanceRole": "primary"})
    watch.wait_event(lambda event: event["object"]["metadata"]["labels"]["cnpg.io/instanceRole"] == "primary")
    watch.close()


# kubectl delete: the pod is still there, and says that it will not be.
def test_deletion_shows_before_the_pod_is_gone(pods):
    pods.create("pg-1", "127.0.1.1", LABELS)
    watch = follow(pods)
    pods.begin_deletion("pg-1")
    told = watch.wait_event(is_about("pg-1", "MODIFIED"))["object"]
    assert told["metadata"]["deletionTimestamp"] and told["metadata"]["deletionGracePeriodSeconds"] == GRACE_SECONDS
    assert pods.get("pg-1")["status"]["podIP"] == "127.0.1.1"
    pods.remove("pg-1")
    watch.wait_event(is_about("pg-1", "DELETED"))
    with pytest.raises(Refused) as refused:
        pods.get("pg-1")
    assert refused.value.status == 404
    watch.close()


# A StatefulSet's pod comes back under its name, and an address is given to whoever comes next.
def test_same_name_and_address_are_another_pod(pods):
    first = pods.create("pg-1", "127.0.1.1", LABELS)
    pods.remove("pg-1")
    second = pods.create("pg-1", "127.0.1.1", LABELS)
    assert first != second and pods.get("pg-1")["metadata"]["uid"] == second


# What a client relies on who goes on from a bookmark after an outage.
def test_kill9_of_the_api_server_loses_nothing(pods, kube):
    pods.create("pg-1", "127.0.1.1", LABELS)
    version = int(pods.list()["metadata"]["resourceVersion"])
    watch = follow(pods)
    kube.server.kill9()
    watch.wait_ended()
    with pytest.raises(OSError):
        pods.list()
    kube.server.start()
    again = pods.list()
    assert [pod["metadata"]["name"] for pod in again["items"]] == ["pg-1"]
    assert int(again["metadata"]["resourceVersion"]) >= version
    pods.create("pg-2", "127.0.1.2", LABELS)
    watch = pods.client.watch(pods.path, resourceVersion=version)
    watch.wait_event(is_about("pg-2", "ADDED"))
    watch.close()


# A hypervisor that pauses the control plane: the kernel still takes connections, and nobody answers.
def test_frozen_api_server_hangs(pods, kube):
    pods.create("pg-1", "127.0.1.1", LABELS)
    watch = follow(pods)
    kube.server.freeze()
    with pytest.raises(TimeoutError):
        pods.client.request("GET", pods.path, timeout=1)
    assert not watch.has_ended()
    kube.server.thaw()
    wait_until(pods.list, what="an answer")
    pods.label("pg-1", {"app": "thawed"})
    watch.wait_event(lambda event: event["object"]["metadata"]["labels"].get("app") == "thawed")
    watch.close()
