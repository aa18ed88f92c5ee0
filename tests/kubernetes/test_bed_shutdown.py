"""The test bed itself: what SIGTERM does to an API server's watches. It is what a client of a managed cluster sees when
the control plane is upgraded.
"""
from harness.wait import wait_until
from kube_api.pods import Pods

# The server waits so long for its watches before it leaves: 60 s unless told otherwise. Ten times what a busy machine
# needs to see that it takes no more connections.
SHUTDOWN_SECONDS = 5
API_SERVER_FLAGS = [f"--request-timeout={SHUTDOWN_SECONDS}s"]


def refuses_connections(pods) -> bool:
    try:
        pods.list()
    except ConnectionRefusedError:
        return True
    return False


def has_news(text: str):
    return lambda event: event["object"]["metadata"].get("labels", {}).get("news") == text


# For a minute, by default, the server takes no connection and ends no watch: where it is the only one nothing can
# change, so the watch is silent, and nothing on the connection says that the server is leaving.
def test_sigterm_leaves_a_watch_open_and_silent(kube, pods):
    pods.create("pg-1", "127.0.1.1")
    watch = pods.client.watch(pods.path, resourceVersion=pods.list()["metadata"]["resourceVersion"])
    kube.server.terminate()
    wait_until(lambda: refuses_connections(pods), what="the API server to take no more connections")
    assert kube.server.is_running() and not watch.has_ended()
    watch.wait_ended()
    assert watch.events == [] and watch.error is None
    kube.server.wait_ended()


# Where there is another one on the same etcd, that minute is not deaf: what is changed there is told here to the end.
def test_a_watch_of_a_leaving_server_hears_what_others_change(kube, pods):
    pods.create("pg-1", "127.0.1.1")
    other = kube.add_server(API_SERVER_FLAGS)
    other.start()
    watch = pods.client.watch(pods.path, resourceVersion=pods.list()["metadata"]["resourceVersion"])
    kube.server.terminate()
    wait_until(lambda: refuses_connections(pods), what="the API server to take no more connections")
    Pods(other.admin, pods.namespace).label("pg-1", {"news": "of-another"})
    watch.wait_event(has_news("of-another"))
    assert kube.server.is_running() and not watch.has_ended()
    kube.server.kill9()
    watch.wait_ended()
