"""Pods of one namespace. The test is their scheduler and kubelet: it says where they run, what their address is and
whether they are ready.
"""
from .client import Client

# As a pod is that was scheduled: only then a deletion waits for a kubelet, and its deletionTimestamp shows.
MACHINE = "machine1"
GRACE_SECONDS = 30  # A number to be shown; nothing counts it down here.


class Pods:
    def __init__(self, client: Client, namespace: str):
        self.client = client
        self.namespace = namespace
        self.path = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, name: str, address: str, labels: dict = None, is_ready: bool = True) -> str:
        """Its UID, once it runs at that address."""
        spec = {"nodeName": MACHINE, "containers": [{"name": "postgres", "image": "example.test/postgres:15"}]}
        made = self.client.request("POST", self.path, {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec})
        self.report(name, address, is_ready)
        return made["metadata"]["uid"]

    def report(self, name: str, address: str, is_ready: bool = True) -> dict:
        """What a kubelet says of a pod that runs."""
        conditions = [{"type": kind, "status": str(is_ready)} for kind in ("Ready", "ContainersReady")]
        return self.client.patch(f"{self.path}/{name}/status", {"status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": conditions}})

    def label(self, name: str, labels: dict) -> dict:
        """Adds and changes labels; None takes one away."""
        return self.client.patch(f"{self.path}/{name}", {"metadata": {"labels": labels}})

    def begin_deletion(self, name: str, grace_seconds: int = GRACE_SECONDS) -> dict:
        """As kubectl delete does: the pod shows its deletionTimestamp and stays until its kubelet is done."""
        return self.client.request("DELETE", f"{self.path}/{name}", {"gracePeriodSeconds": grace_seconds})

    def remove(self, name: str) -> dict:
        """As its kubelet does when the containers have ended, or kubectl delete --force."""
        return self.client.request("DELETE", f"{self.path}/{name}", {"gracePeriodSeconds": 0})

    def get(self, name: str) -> dict:
        return self.client.get(f"{self.path}/{name}")

    def list(self, **query) -> dict:
        return self.client.get(self.path, **query)


def is_about(name: str, kind: str = None):
    """For Watch.wait_event: an event of this pod, of this type if one is given."""
    return lambda event: (event["object"].get("metadata", {}).get("name") == name
                          and kind in (None, event["type"]))


__all__ = ["GRACE_SECONDS", "Pods", "is_about"]
