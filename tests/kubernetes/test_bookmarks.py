"""A watch's time is over, as it is every few minutes: what the next one begins with."""
import re

from harness.logins import readers
from harness.wait import wait_until
from kube_api.pods import Pods

# Instead of pgsteer's own minutes. The server sends a bookmark two seconds before the end.
WATCH_SECONDS = 4


def shorten(target: str) -> str:
    return re.sub(r"timeoutSeconds=\d+", f"timeoutSeconds={WATCH_SECONDS}", target)


def versions(gate) -> list:
    """That pgsteer's watches began with."""
    found = [re.search(r"resourceVersion=(\d+)", target) for target in gate.targets if "watch=" in target]
    return [int(match.group(1)) for match in found]


# Pods of others change all the time, ours do not. By the last change of ours a watch would soon be too old.
def test_watch_goes_on_from_the_last_bookmark(kube, cluster, run_pgsteer, source, gate, instances, pods, connect):
    gate.change = shorten
    proxy = run_pgsteer(cluster, source=source(api_server=gate.url))
    proxy.wait_standbys(2)
    wait_until(lambda: versions(gate), what="the first watch")
    others = Pods(kube.admin, kube.new_namespace())
    others.create("other", "127.0.1.250")
    changed = int(others.list()["metadata"]["resourceVersion"])
    wait_until(lambda: versions(gate)[-1] >= changed, what="a watch from a bookmark")
    assert sum("watch=" not in target for target in gate.targets) == 1, "it was by another list"
    assert "does not answer" not in proxy.log_text()
    standby = cluster.standbys()[0]
    instances.remove(standby)
    wait_until(lambda: standby.address not in readers(proxy, connect), what="the removed pod to get no reader")
    assert pods.get(instances.name_of(cluster.primary))
