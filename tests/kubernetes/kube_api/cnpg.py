"""What CloudNativePG writes: its Cluster's status and annotations, and the primary's Lease. The test is its operator and its
instance managers.
"""
from harness.wait import wait_until

from .client import Client, Refused
from .instances import CLUSTER_NAME

GROUP = "postgresql.cnpg.io"
# Of pgsteer, for all that it can hear of a Cluster; get, or another verb, it does not need.
RIGHTS = [{"apiGroups": [GROUP], "resources": ["clusters"], "verbs": ["list", "watch"]},
          {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["list", "watch"]}]


def define_clusters(client: Client) -> None:
    """The kind, with as much of its schema as the API server asks for."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
               "schema": {"openAPIV3Schema": schema}}
    try:
        client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"clusters.{GROUP}"},
            "spec": {"group": GROUP, "scope": "Namespaced", "versions": [version],
                     "names": {"kind": "Cluster", "plural": "clusters", "singular": "cluster"}}})
    except Refused as refused:
        if refused.status != 409:  # It is there.
            raise
    wait_until(lambda: is_served(client), what="the kind Cluster to be served")


def is_served(client: Client) -> bool:
    try:
        client.get(f"/apis/{GROUP}/v1/clusters")
    except Refused:
        return False
    return True


class CnpgCluster:
    def __init__(self, client: Client, namespace: str, name: str = CLUSTER_NAME):
        self.client = client
        self.path = f"/apis/{GROUP}/v1/namespaces/{namespace}/clusters"
        self.lease_path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._own = f"{self.path}/{name}"
        self._lease = f"{self.lease_path}/{name}"
        define_clusters(client)
        client.request("POST", self.path, {
            "apiVersion": f"{GROUP}/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": {"instances": 3}})
        client.request("POST", self.lease_path, {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": {}})

    def report(self, current: str, target: str = None, phase: str = "Cluster in healthy state") -> None:
        """Its status: the primary and the one that it shall be, by the names of their pods."""
        self.client.patch(f"{self._own}/status", {"status": {
            "currentPrimary": current, "targetPrimary": target or current, "phase": phase}})

    def announce(self, current: str, target: str) -> None:
        """As `kubectl cnpg promote` and a rolling update do."""
        self.report(current, target, "Switchover in progress")

    def annotate(self, name: str, value: str) -> None:
        """value: None takes it away."""
        self.client.patch(self._own, {"metadata": {"annotations": {f"cnpg.io/{name}": value}}})

    def hold_lease(self, pod: str) -> None:
        self.client.patch(self._lease, {"spec": {"holderIdentity": pod}})


__all__ = ["CnpgCluster", "RIGHTS"]
