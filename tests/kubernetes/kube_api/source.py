"""How pgsteer is told to find pods: cluster.backends of its configuration."""
import json
from pathlib import Path

from .instances import SELECTOR
from .kube_api import KubeApi


def kubernetes_source(kube: KubeApi, namespace: str, port: int, token_file: Path, **changes) -> str:
    """To find the instances of this namespace; with these keys changed, and those that are None left out."""
    keys = {"namespace": namespace, "label_selector": SELECTOR, "port": port, "api_server": kube.server.url,
            "token_file": str(token_file), "ca_file": str(kube.credentials.authority), **changes}
    return "kubernetes: " + json.dumps({key: value for key, value in keys.items() if value is not None})


__all__ = ["kubernetes_source"]
