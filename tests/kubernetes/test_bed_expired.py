"""The test bed itself: 410 Gone in its two forms, and bookmarks, which keep a client from meeting it."""
import pytest

from kube_api.client import Refused
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
