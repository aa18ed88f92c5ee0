"""Zones as Kubernetes tells of them: EndpointSlices, and machines whose zone a pod takes over when it is bound to one.
The test is the controller that writes the slices.
"""
from .client import Client, Refused
from .pods import MACHINE

ZONE = "topology.kubernetes.io/zone"
# Of pgsteer, to read EndpointSlices.
RIGHTS = [{"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]


class Slice:
    def __init__(self, client: Client, namespace: str, service: str):
        """An EndpointSlice of this Service, without endpoints."""
        self.client = client
        self.path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        self._own = f"{self.path}/{service}-abcde"
        client.request("POST", self.path, {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [],
            "metadata": {"name": f"{service}-abcde", "labels": {"kubernetes.io/service-name": service}}})

    def place(self, pods: list) -> None:
        """pods: as the API shows them, each with its zone. Their addresses are of 192.0.2.0/24 (RFC 5737), since the API
        takes none on loopback here."""
        self.client.patch(self._own, {"endpoints": [
            {"addresses": [f"192.0.2.{number}"], "conditions": {"ready": True}, "zone": zone, "nodeName": MACHINE,
             "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"],
                           "uid": pod["metadata"]["uid"]}} for number, (pod, zone) in enumerate(pods, 1)]})


def create_machine(client: Client, name: str, zone: str) -> None:
    try:
        client.request("POST", "/api/v1/nodes", {
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {ZONE: zone}}})
    except Refused as refused:
        if refused.status != 409:  # It is there.
            raise


__all__ = ["RIGHTS", "Slice", "ZONE", "create_machine"]
