"""The backends of a PostgreSQL cluster as pods, with the labels that CloudNativePG gives them."""
from .pods import GRACE_SECONDS, Pods

CLUSTER_NAME = "pg"
SELECTOR = f"cnpg.io/cluster={CLUSTER_NAME}"
ROLE = "cnpg.io/instanceRole"


class Instances:
    def __init__(self, pods: Pods, cluster):
        """cluster: a PgCluster whose backends have addresses of their own."""
        self.pods = pods
        self._names = {}
        self._made = 0
        for backend in cluster.backends:
            self.add(backend, "primary" if backend is cluster.primary else "replica")

    def add(self, backend, role: str = "replica", **state) -> str:
        """One more pod, at this backend's address, called as none was before; its name."""
        self._made += 1
        name = f"{CLUSTER_NAME}-{self._made}"
        self.pods.create(name, backend.ip, {
            "cnpg.io/cluster": CLUSTER_NAME, "cnpg.io/podRole": "instance", ROLE: role}, **state)
        self._names[backend.name] = name
        return name

    def name_of(self, backend) -> str:
        return self._names[backend.name]

    def begin_deletion(self, backend, grace_seconds: int = GRACE_SECONDS) -> None:
        self.pods.begin_deletion(self.name_of(backend), grace_seconds)

    def remove(self, backend) -> None:
        self.pods.remove(self.name_of(backend))

    def call(self, backend, role: str) -> None:
        """The manager's label, true or not."""
        self.pods.label(self.name_of(backend), {ROLE: role})

    def report(self, backend, is_ready: bool) -> None:
        self.pods.report(self.name_of(backend), backend.ip, is_ready)


__all__ = ["CLUSTER_NAME", "Instances", "ROLE", "SELECTOR"]
