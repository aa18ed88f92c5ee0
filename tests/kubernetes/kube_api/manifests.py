"""deploy/kubernetes as its users turn it into objects: the chart by Helm, base and overlays by kustomize."""
import subprocess
from pathlib import Path

import yaml

from .programs import programs_folder

DEPLOY = Path(__file__).parents[3] / "deploy" / "kubernetes"
CHART = DEPLOY / "helm" / "pgsteer"
OVERLAYS = DEPLOY / "overlays"
# What Helm alone says of an object.
HELM_LABELS = ("helm.sh/chart", "app.kubernetes.io/managed-by")


class NotRendered(RuntimeError):
    pass


class _Strict(yaml.SafeLoader):
    """Takes no key twice, as kustomize does; YAML itself forbids it."""

    def construct_mapping(self, node, deep=False):  # tidy: allow node - PyYAML's word
        keys = [self.construct_object(key) for key, _ in node.value]  # tidy: allow node - as above
        assert len(keys) == len(set(keys)), f"a key is there twice: {keys}"
        return super().construct_mapping(node, deep)  # tidy: allow node - as above


def objects_of(text: str) -> list:
    return [each for each in yaml.load_all(text, _Strict) if each]


def helm_template(values: Path, *arguments: str, namespace: str = "test", release: str = "pgsteer") -> list:
    """The chart's objects with the values of this file. Raises NotRendered with Helm's words."""
    return objects_of(_run("helm", "template", release, CHART, "--values", values, "--namespace", namespace, *arguments))


def kustomize(folder: Path) -> list:
    return objects_of(_run("kustomize", "build", folder))


def render_base(folder: Path) -> None:
    """As deploy/kubernetes/render does it, into this folder."""
    subprocess.run([DEPLOY / "render", folder], check=True, env={"HELM": str(programs_folder() / "helm"),
                                                                 "PATH": "/usr/bin:/bin"})


def named(objects: list, kind: str) -> dict:
    """The only one of this kind."""
    found = [each for each in objects if each["kind"] == kind]
    assert len(found) == 1, f"{kind}: {[each['metadata']['name'] for each in found]}"
    return found[0]


def configuration(objects: list) -> str:
    """What pgsteer is given to read."""
    return next(each["data"]["pgsteer.yaml"] for each in objects if "pgsteer.yaml" in each.get("data", {}))


def pod_of(objects: list) -> dict:
    """One that the Deployment would make."""
    deployment = named(objects, "Deployment")
    template = deployment["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
            "metadata": {**template["metadata"], "name": f"{deployment['metadata']['name']}-0"}}


def without_helm(objects: list) -> list:
    """What stays once namespaces and Helm's own labels are gone, in one order."""
    return sorted((_stripped(each) for each in objects), key=lambda each: (each["apiVersion"], each["kind"],
                                                                           each["metadata"]["name"]))


def _stripped(value):
    if isinstance(value, dict):
        return {key: _stripped(each) for key, each in value.items() if key not in (*HELM_LABELS, "namespace")}
    if isinstance(value, list):
        return [_stripped(each) for each in value]
    return value


def _run(program: str, *arguments) -> str:
    done = subprocess.run([programs_folder() / program, *arguments], text=True, check=False, cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise NotRendered(done.stderr)
    return done.stdout


__all__ = ["CHART", "DEPLOY", "NotRendered", "OVERLAYS", "configuration", "helm_template", "kustomize", "named",
           "pod_of", "render_base", "without_helm"]
