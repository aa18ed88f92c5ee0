"""The test bed itself: 410 Gone in its two forms, also for a client that a test does not drive."""
import concurrent.futures

import pytest

from harness.wait import wait_until
from kube_api.client import Client, Refused
from kube_api.pods import is_about

# Without the watch cache every list and watch is answered by etcd: what is compacted there is gone here at once.
API_SERVER_FLAGS = ["--watch-cache=false"]


# A client that comes back too late: HTTP says 200, and the first line says that it was not.
def test_watch_from_a_compacted_version_is_an_error_inside_200(kube, pods):
    version = pods.list()["metadata"]["resourceVersion"]
    pods.create("pg-1", "127.0.1.1")
    kube.etcd.compact()
    watch = pods.client.watch(pods.path, resourceVersion=version)
    watch.wait_ended()
    assert watch.error is None
    (event,) = watch.events
    assert event["type"] == "ERROR" and event["object"]["kind"] == "Status"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    told = next(r for r in kube.server.audit.requests(verb="watch") if r.query.get("resourceVersion") == version)
    assert told.status == 200


# The way back: a list, and a watch from its version.
def test_list_after_410_is_good_to_watch_from(kube, pods):
    pods.create("pg-1", "127.0.1.1")
    kube.etcd.compact()
    version = pods.list()["metadata"]["resourceVersion"]
    watch = pods.client.watch(pods.path, resourceVersion=version)
    pods.create("pg-2", "127.0.1.2")
    watch.wait_event(is_about("pg-2", "ADDED"))
    assert [event for event in watch.events if is_about("pg-1")(event)] == []
    watch.close()


# A client that reads page by page, and is slow.
def test_list_with_a_compacted_continue_token_is_410(kube, pods):
    for i in range(3):
        pods.create(f"pg-{i}", f"127.0.1.{i + 1}")
    page = pods.list(limit=2)
    assert len(page["items"]) == 2
    pods.create("pg-3", "127.0.1.4")
    kube.etcd.compact()
    with pytest.raises(Refused) as refused:
        pods.list(limit=2, **{"continue": page["metadata"]["continue"]})
    assert refused.value.status == 410 and refused.value.answer["reason"] == "Expired"


# The same for a client that asks for the next page at once: it has to wait at the gate.
def test_gate_holds_a_page_until_it_is_gone(kube, account, pods, gate):
    for i in range(3):
        pods.create(f"pg-{i}", f"127.0.1.{i + 1}")
    client = Client(gate.port, kube.credentials.authority, token=account.token())
    gate.change = lambda target: target.replace("limit=500", "limit=2")
    page = wait_until(lambda: client.get(pods.path, limit=500), what="the rights to be heard of")
    assert len(page["items"]) == 2
    next_page = gate.hold(lambda target: "continue=" in target)
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        answer = executor.submit(client.get, pods.path, limit=500, **{"continue": page["metadata"]["continue"]})
        next_page.wait_reached()
        pods.label("pg-0", {"app": "changed"})
        kube.etcd.compact()
        assert not answer.done()
        next_page.release()
        with pytest.raises(Refused) as refused:
            answer.result()
    assert refused.value.status == 410
    assert [(r.query.get("limit"), r.status) for r in kube.server.audit.requests(account.user)][-2:] == [
        ("2", 200), ("2", 410)]
