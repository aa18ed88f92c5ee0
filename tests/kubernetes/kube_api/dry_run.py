"""What the API server would say to an object: `kubectl apply --server-side --dry-run=server --validate=strict`."""
import subprocess
from pathlib import Path

import yaml

from harness.wait import wait_until

from .client import Client, Refused

FETCH = Path(__file__).parents[1] / "definitions"
APPLY_PATCH = "application/apply-patch+yaml"


def definitions() -> Path:
    """The folder with CloudNativePG's, the Gateway API's, the Prometheus operator's, Azure's and KEDA's."""
    return Path(subprocess.run([FETCH], text=True, stdout=subprocess.PIPE, check=True).stdout.strip())


def define_foreign_kinds(client: Client) -> None:
    """Until each is served."""
    for path in sorted(definitions().glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())
        name = definition["metadata"]["name"]
        client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        spec = definition["spec"]
        version = next(each["name"] for each in spec["versions"] if each["served"])
        path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
        wait_until(lambda path=path: _is_served(client, path), what=f"{name} to be served")


def _is_served(client: Client, path: str) -> bool:
    try:
        client.get(path)
    except Refused:
        return False
    return True


class DryRun:
    def __init__(self, client: Client, namespace: str):
        self._client = client
        self._namespace = namespace
        self._resources = {}  # by apiVersion

    def apply(self, wanted: dict) -> dict:
        """As it would be stored. Raises client.Refused: also for a field that the kind does not have."""
        return self._client.request(
            "PATCH", f"{self._collection(wanted)}/{wanted['metadata']['name']}", wanted, content_type=APPLY_PATCH,
            dryRun="All", fieldValidation="Strict", fieldManager="test", force="true")

    def _collection(self, wanted: dict) -> str:
        version = wanted["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._resources:
            self._resources[version] = {each["kind"]: each for each in self._client.get(base)["resources"]
                                        if "/" not in each["name"]}
        resource = self._resources[version][wanted["kind"]]
        namespace = wanted["metadata"].get("namespace", self._namespace)
        return f"{base}/namespaces/{namespace}/{resource['name']}" if resource["namespaced"] else f"{base}/{resource['name']}"


__all__ = ["DryRun", "define_foreign_kinds", "definitions"]
