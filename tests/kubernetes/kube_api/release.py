"""A release of the chart on the API server: helm install, upgrade and uninstall, as an administrator."""
import subprocess
from pathlib import Path

from .credentials import write_kubeconfig
from .kube_api import KubeApi
from .manifests import CHART
from .programs import programs_folder

NAME = "pgsteer"


class Release:
    def __init__(self, kube: KubeApi, namespace: str, folder: Path, name: str = NAME):
        self._name = name
        self.chart = CHART
        self._namespace = namespace
        self._kubeconfig = folder / "kubeconfig"
        write_kubeconfig(self._kubeconfig, kube.server.url, kube.credentials)

    def install(self, values: Path, *arguments: str) -> str:
        """What Helm prints, the chart's notes at its end."""
        return self._helm("install", self._name, self.chart, "--values", values, *arguments)

    def upgrade(self, values: Path, *arguments: str) -> str:
        return self._helm("upgrade", self._name, self.chart, "--values", values, *arguments)

    def uninstall(self) -> None:
        self._helm("uninstall", self._name)

    def _helm(self, *arguments) -> str:
        done = subprocess.run([programs_folder() / "helm", "--kubeconfig", self._kubeconfig, "--namespace",
                               self._namespace, *arguments], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout


__all__ = ["NAME", "Release"]
