"""The cluster as pods that pgsteer finds by a real Kubernetes API, that of tests/kubernetes.

The bench is their kubelet and their manager: it says what runs where, and ends what is deleted.
"""
from harness.loopback import Loopback
from kube_api.access import Account, write_token
from kube_api.instances import Instances
from kube_api.kube_api import KubeApi
from kube_api.pods import Pods
from kube_api.programs import programs_folder
from kube_api.source import kubernetes_source

from .clients import Programs
from .stage import Stage

TOKEN_SECONDS = 24 * 3600  # No kubelet is here to renew it, and no measurement takes so long.


class PodStage(Stage):
    families = ("pgsteer",)  # Nobody else finds its backends by the Kubernetes API.

    def __init__(self, programs: Programs):
        self.kube = KubeApi()
        self.instances = None
        super().__init__(programs, Loopback())

    @staticmethod
    def provide() -> None:
        """kube-apiserver and etcd, in minutes. Raises kube_api.programs.Unavailable."""
        programs_folder()

    def _prepare(self) -> None:
        super()._prepare()
        self.kube.start()
        namespace = self.kube.new_namespace()
        self.instances = Instances(Pods(self.kube.admin, namespace), self.cluster)
        token_file = self.kube.folder / "token"
        write_token(token_file, Account(self.kube.admin, namespace).token(TOKEN_SECONDS))
        self.source = kubernetes_source(self.kube, namespace, self.cluster.network.port, token_file)

    def close(self) -> None:
        super().close()
        self.kube.destroy()

    def follow_and_rejoin(self, old_index: int) -> None:
        """The API server is up, and the old primary has a new pod, at its old address."""
        self.kube.repair()
        old = self.cluster.backends[old_index]
        self.instances.remove(old)
        super().follow_and_rejoin(old_index)
        self.instances.add(old)
        self.instances.call(self.cluster.primary, "primary")
