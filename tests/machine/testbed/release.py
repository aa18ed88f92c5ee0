"""pgsteer on the machine as its users install it: the image, and a release of the chart.

Flow: Release(...).install() -> upgrade(values), restart() -> pods(), address(). It is in the Cluster's namespace.
"""
import json
import os
import socket
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from harness.processes import run
from harness.wait import wait_until
from kube_api.manifests import CHART

from .bed import Bed
from .cnpg import CLUSTER, NAMESPACE

NAME = "pgsteer"
IMAGE = "localhost/pgsteer:test"  # As build_image names it.
RW_PORT, RO_PORT, ADMIN_PORT = 5432, 5433, 9464
SELECTOR = f"app.kubernetes.io/name={NAME},app.kubernetes.io/instance={NAME}"
UP_SECONDS_MAX = 300
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Pod:
    name: str
    address: str

    def get(self, path: str) -> str:
        """Of the admin port."""
        with _OPENER.open(f"http://{self.address}:{ADMIN_PORT}{path}", timeout=30) as answer:
            return answer.read().decode()

    def metric(self, series: str) -> float:
        """0 if there is none."""
        values = [line.rpartition(" ")[2] for line in self.get("/metrics").splitlines() if line.startswith(f"{series} ")]
        return float(values[0]) if values else 0

    def sees(self) -> tuple:
        """(primaries, standbys) that logins may go to."""
        backends = json.loads(self.get("/api/v1/topology"))["backends"]
        return (sum(each["rw_eligible"] for each in backends),
                sum(each["ro_eligible"] and each["role"] == "standby" for each in backends))


def values(config: dict, **more) -> dict:
    """Of the chart: what a CloudNativePG user has to say, and more of pgsteer's configuration and of the chart."""
    repository, _, tag = IMAGE.rpartition(":")
    return {"image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "config": {"cluster": {"backends": {"kubernetes": {"cnpg_cluster": CLUSTER}}}, **config},
            "probePassword": {"secretName": "pgsteer-probe"}, **more}


class Release:
    def __init__(self, bed: Bed, helm: Path, base: dict):
        """helm: the program. base: the values it is installed with."""
        self.bed, self.base = bed, base
        self._helm = helm
        self._folder = bed.folder / "helm"
        self._folder.mkdir()
        self._services = f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}"

    def install(self) -> None:
        """In a namespace that takes only pods of the Pod Security Standard "restricted"."""
        self.bed.server.admin.patch(f"/api/v1/namespaces/{NAMESPACE}", {"metadata": {"labels": {
            "pod-security.kubernetes.io/enforce": "restricted"}}})
        self.upgrade({})

    def upgrade(self, change: dict) -> None:
        """To the base values with this change, until the new pods are ready. Helm's own waiting would be for a load
        balancer's address too."""
        path = self._folder / "values.json"
        path.write_text(json.dumps({**self.base, **change}))
        homes = {f"HELM_{name}_HOME": str(self._folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        run([self._helm, "upgrade", "--install", NAME, CHART, "--namespace", NAMESPACE, "--values", path],
            env={**os.environ, **homes, "KUBECONFIG": str(self.bed.kubeconfig)})
        self._wait_rolled_out()

    def restart(self) -> None:
        """A rolling update that changes nothing, until the old pods are gone."""
        old = self.pods()
        self.kubectl("rollout", "restart", f"deployment/{NAME}")
        self._wait_rolled_out()
        wait_until(lambda: not set(old) & set(self.pods()), UP_SECONDS_MAX, "the old pods to be gone", every=0.2)

    def bring_volumes(self) -> None:
        """Kubelet brings changed ConfigMaps and Secrets to the pods now, instead of some time in the next 90 s."""
        self.kubectl("annotate", "pods", "--selector", SELECTOR, "--overwrite", f"looked-at={time.time()}")

    def _wait_rolled_out(self) -> None:
        self.kubectl("rollout", "status", f"deployment/{NAME}", f"--timeout={UP_SECONDS_MAX}s",
                     timeout=UP_SECONDS_MAX + 60)

    def kubectl(self, *words, **options) -> str:
        return self.bed.cnpg.kubectl("-n", NAMESPACE, *words, **options)

    def pods(self) -> list:
        """Those that are ending too."""
        items = self.bed.server.admin.get(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=SELECTOR)["items"]
        return [Pod(each["metadata"]["name"], each["status"].get("podIP", "")) for each in items]

    def wait_settled(self) -> None:
        """Until each pod sees the primary and both standbys, and the Service leads to them."""
        wait_until(lambda: [pod.sees() for pod in self.pods()] == [(1, 2)] * self.base["replicas"], UP_SECONDS_MAX,
                   "each pgsteer to see a primary and two standbys", every=0.2)
        for port in (RW_PORT, RO_PORT):
            wait_until(lambda port=port: socket.create_connection((self.address(), port), 10).close() is None,
                       what="kube-proxy to know the Service", every=0.2)

    def address(self) -> str:
        """The Service's own."""
        return self.bed.server.admin.get(self._services)["spec"]["clusterIP"]

    def give_outer_address(self, address: str) -> None:
        """As a cloud's controller does to a Service of type LoadBalancer."""
        self.bed.server.admin.patch(f"{self._services}/status", {"status": {"loadBalancer": {"ingress": [
            {"ip": address}]}}})


__all__ = ["ADMIN_PORT", "IMAGE", "Pod", "RO_PORT", "RW_PORT", "Release", "values"]
