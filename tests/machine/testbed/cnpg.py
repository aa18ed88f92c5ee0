"""The CloudNativePG operator and its Cluster on a machine: brought up, looked at, changed, healed."""
import os
import re
import shlex
import time
from pathlib import Path

from harness.processes import run
from harness.wait import wait_until
from kube_api.client import Client

from .machine import Machine

NAMESPACE, CLUSTER = "cnpg-database", "pg"
APP = {"user": "app", "password": "app-password", "dbname": "appdb"}
PROBE = {"user": "pgsteer", "password": "probe-password", "dbname": "postgres"}
LABELS = {"workload": "postgres", "topology.kubernetes.io/zone": "z1"}  # As cluster.yaml asks for.
OPERATOR_NAMESPACE = "cnpg-system"
INSTANCES = 3
VOLUMES = 30  # Two an instance; the others for instances that are replaced.
POSTGRES_ID = 26
PATH = f"/apis/postgresql.cnpg.io/v1/namespaces/{NAMESPACE}/clusters/{CLUSTER}"
HEALTHY = "Cluster in healthy state"
UP_SECONDS_MAX = 600
HEALED_SECONDS_MAX = 600
RESTARTS_MAX = 3  # Of an instance that ends again and again.
REST_SECONDS = 3  # Healthy for so long without a break: the phase says so before a change has begun to roll.


class Cnpg:
    def __init__(self, machine: Machine, client: Client, programs: Path, kubeconfig: Path, folder: Path):
        self.machine, self.client, self.programs, self.folder = machine, client, programs, folder
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": f"{programs}:{os.environ['PATH']}"}

    def kubectl(self, *words, timeout: float = 300, **options) -> str:
        return run([self.programs / "kubectl", *words], timeout=timeout, env=self._environment, **options)

    def plugin(self, *words) -> str:
        return run([self.programs / "kubectl-cnpg", *words, "-n", NAMESPACE], env=self._environment)

    def start_operator(self) -> None:
        """Its release's manifest, but for where images come from: they are here already."""
        text = (self.programs / "operator.yaml").read_text()
        text = re.sub(r"\S+/cloudnative-pg/cloudnative-pg:", "localhost/cloudnative-pg:", text)
        manifest = self.folder / "operator.yaml"
        manifest.write_text(text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent"))
        self.kubectl("apply", "--server-side", "-f", manifest)
        self.kubectl("-n", OPERATOR_NAMESPACE, "rollout", "status", "deployment/cnpg-controller-manager",
                     "--timeout=300s", timeout=310)

    def start_cluster(self, manifest: Path) -> None:
        """Until all instances are ready."""
        self._provide_volumes()
        self.client.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        # The operator's webhook answers a little after the operator is ready.
        wait_until(lambda: self.kubectl("apply", "-f", manifest), what=f"the operator to take {manifest}", every=1)
        services = f"/api/v1/namespaces/{NAMESPACE}/services"
        wait_until(lambda: len(self.client.get(services)["items"]) == 3, what="the Cluster's three Services")
        for service in self.client.get(services)["items"]:
            self.machine.name(f"{service['metadata']['name']}.{NAMESPACE}.svc", service["spec"]["clusterIP"])
        wait_until(self.is_healthy, UP_SECONDS_MAX, f"Cluster {CLUSTER} to be healthy", every=0.5)

    def _provide_volumes(self) -> None:
        self.client.request("POST", "/apis/storage.k8s.io/v1/storageclasses", {
            "metadata": {"name": "static"}, "provisioner": "kubernetes.io/no-provisioner"})
        for number in range(VOLUMES):
            path = self.folder / "volumes" / str(number)
            path.mkdir(parents=True)
            os.chown(path, POSTGRES_ID, POSTGRES_ID)
            path.chmod(0o700)
            self.client.request("POST", "/api/v1/persistentvolumes", {
                "metadata": {"name": f"volume{number}"},
                "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"],
                         "storageClassName": "static", "persistentVolumeReclaimPolicy": "Retain",
                         "hostPath": {"path": str(path)}}})

    def status(self) -> dict:
        return self.client.get(PATH).get("status", {})

    def is_healthy(self) -> bool:
        status = self.status()
        return status.get("phase") == HEALTHY and status.get("readyInstances") == INSTANCES

    def heal(self, folder: Path) -> list:
        """Until it is healthy, and so for a moment. An instance that ends again and again is destroyed, as an
        administrator would do, and the operator makes another one. Returns the names of such pods; their last words are
        kept in the folder."""
        since, destroyed = None, []

        def is_at_rest() -> bool:
            nonlocal since
            for pod in self._hopeless():
                if pod not in destroyed:
                    destroyed.append(pod)
                    self._destroy(pod, folder)
            since = (since or time.monotonic()) if self.is_healthy() else None
            return since is not None and time.monotonic() - since > REST_SECONDS

        wait_until(is_at_rest, HEALED_SECONDS_MAX, f"Cluster {CLUSTER} to be healthy again", every=0.2)
        return destroyed

    def _hopeless(self) -> list:
        """Pods whose PostgreSQL the kubelet waits to start once more."""
        def is_hopeless(status: dict) -> bool:
            reason = status.get("state", {}).get("waiting", {}).get("reason")
            return reason == "CrashLoopBackOff" and status["restartCount"] >= RESTARTS_MAX

        return [pod["metadata"]["name"] for pod in self.pods()
                if any(is_hopeless(status) for status in pod["status"].get("containerStatuses", []))]

    def _destroy(self, pod: str, folder: Path) -> None:
        words = self.kubectl("-n", NAMESPACE, "logs", pod, "-c", "postgres", "--previous")
        (folder / f"log-{pod}-destroyed").write_text(words)
        self.plugin("destroy", CLUSTER, pod.rpartition("-")[2])

    def change(self, spec: dict) -> None:
        """Until all instances are as the new specification has them; pods may be replaced for it."""
        self.client.patch(PATH, {"spec": spec})
        delay = spec.get("stopDelay")
        if delay is not None:
            wait_until(lambda: all(pod["spec"]["terminationGracePeriodSeconds"] == delay for pod in self.pods()),
                       HEALED_SECONDS_MAX, f"every pod to have stopDelay {delay}", every=0.5)
        self.heal(self.folder / "logs")

    def pods(self) -> list:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        selector = f"cnpg.io/cluster={CLUSTER},cnpg.io/podRole=instance"
        return self.client.get(path, labelSelector=selector)["items"]

    def primary(self) -> str:
        """The pod's name."""
        return self.status()["currentPrimary"]

    def standbys(self) -> list:
        """The pods' names."""
        return sorted(set(pod["metadata"]["name"] for pod in self.pods()) - {self.primary()})

    def service_address(self) -> str:
        """Of -rw."""
        return self.client.get(f"/api/v1/namespaces/{NAMESPACE}/services/{CLUSTER}-rw")["spec"]["clusterIP"]

    def psql(self, pod: str, database: str, statements: str) -> str:
        return self.kubectl("-n", NAMESPACE, "exec", pod, "-c", "postgres", "--", "psql", "-XqAt", "-d", database,
                            "-c", statements)

    def kill_postmaster(self, pod: str) -> None:
        """SIGKILL, from inside of its container."""
        pid_file = shlex.quote("/var/lib/postgresql/data/pgdata/postmaster.pid")
        self.machine.execute(self.machine.container(pod, "postgres"),
                             ["bash", "-c", f"kill -9 $(head -n 1 {pid_file})"])

    def delete(self, pod: str, *flags) -> None:
        """Does not wait for the end of it."""
        self.kubectl("-n", NAMESPACE, "delete", "pod", pod, "--wait=false", *flags)

    def log_of(self, target: str, namespace: str = NAMESPACE, since_seconds: int = 180) -> str:
        """target: a pod or deployment/NAME."""
        return self.kubectl("-n", namespace, "logs", target, "--all-containers", f"--since={since_seconds}s")


__all__ = ["APP", "CLUSTER", "Cnpg", "LABELS", "NAMESPACE", "OPERATOR_NAMESPACE", "PROBE"]
