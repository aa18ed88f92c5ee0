"""The test bed itself: bookmarks, which are the watch cache's, and the end of a watch whose time is over."""
from kube_api.pods import is_about


def is_bookmark(event: dict) -> bool:
    return event["type"] == "BOOKMARK"


# Every minute, and two seconds before the watch's time is over: other pods' changes have moved the version on, and the
# next watch begins there. Then the server ends it as any HTTP answer ends.
def test_bookmark_before_the_end_of_a_watch(pods):
    version = pods.list()["metadata"]["resourceVersion"]
    watch = pods.client.watch(pods.path, resourceVersion=version, labelSelector="app=quiet",
                              allowWatchBookmarks="true", timeoutSeconds=4)
    pods.create("pg-1", "127.0.1.1")
    watch.wait_ended()
    assert watch.error is None and watch.events, "it ended without a bookmark"
    assert all(is_bookmark(event) for event in watch.events)
    seen = int(watch.events[-1]["object"]["metadata"]["resourceVersion"])
    assert seen > int(version)
    again = pods.client.watch(pods.path, resourceVersion=seen)
    pods.create("pg-2", "127.0.1.2")
    again.wait_event(is_about("pg-2", "ADDED"))
    assert [event for event in again.events if is_about("pg-1")(event)] == []
    again.close()


# A list by watch: what is there comes as ADDED, and a bookmark says that this was all.
def test_streaming_list_ends_with_a_bookmark(pods):
    pods.create("pg-1", "127.0.1.1")
    watch = pods.client.watch(pods.path, sendInitialEvents="true", resourceVersionMatch="NotOlderThan",
                              allowWatchBookmarks="true")
    bookmark = watch.wait_event(is_bookmark)
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert [event["type"] for event in watch.events] == ["ADDED", "BOOKMARK"]
    watch.close()


# The cache of a server that has just come up holds nothing older than itself: 410 without any compaction.
def test_watch_from_before_a_restart(pods, kube):
    version = pods.list()["metadata"]["resourceVersion"]
    pods.create("pg-1", "127.0.1.1")
    kube.server.kill9()
    kube.server.start()
    pods.create("pg-2", "127.0.1.2")
    watch = pods.client.watch(pods.path, resourceVersion=version)
    watch.wait_ended()
    (event,) = watch.events
    assert event["type"] == "ERROR" and event["object"]["code"] == 410
