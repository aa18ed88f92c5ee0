"""A release of the chart, from helm install to helm uninstall. Nothing runs here: there are no controllers."""
from pathlib import Path

import pytest

from kube_api.release import NAME, Release

VALUES = Path(__file__).parent / "values"
LEAST = VALUES / "cnpg.yaml"
API_SERVER_FLAGS = ["--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112"]
WARNING = "loadBalancerSourceRanges is empty"


@pytest.fixture
def release(kube, namespace, tmp_path) -> Release:
    return Release(kube, namespace, tmp_path)


def own_objects(kube, namespace: str) -> list:
    """Names of what the chart makes there, by kind."""
    found = []
    for base, kinds in (("/api/v1", ["services", "configmaps", "serviceaccounts"]),
                        ("/apis/apps/v1", ["deployments"]), ("/apis/policy/v1", ["poddisruptionbudgets"]),
                        ("/apis/rbac.authorization.k8s.io/v1", ["roles", "rolebindings"])):
        for kind in kinds:
            items = kube.admin.get(f"{base}/namespaces/{namespace}/{kind}")["items"]
            found += [(kind, each["metadata"]["name"]) for each in items if each["metadata"]["name"].startswith(NAME)]
    return found


# (values, lines of the notes with the namespace left open)
NOTES = [
    ("cnpg", ["host=pgsteer.{}.svc port=5432 ", "host=pgsteer.{}.svc port=5433 "]),
    ("listeners", ["host=pgsteer.{}.svc port=5432 ", "host=pgsteer.{}.svc port=15434 ", "http://127.0.0.1:19464"]),
    ("internal-load-balancer", ["host=ADDRESS port=5432 ", WARNING]),
]


@pytest.mark.parametrize("values, lines", NOTES, ids=[values for values, _ in NOTES])
def test_notes_tell_how_to_connect(values, lines, release, namespace):
    notes = release.install(VALUES / f"{values}.yaml")
    for line in lines:
        assert line.format(namespace) in notes, notes
    assert (WARNING in notes) == (WARNING in lines)


# A restart would end every session: pods stay as they are until somebody asks for it.
def test_changed_configuration_restarts_nobody(kube, namespace, release):
    release.install(LEAST)

    def present() -> tuple:
        deployment = kube.admin.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}")
        config = kube.admin.get(f"/api/v1/namespaces/{namespace}/configmaps/{NAME}")
        return deployment["metadata"]["generation"], config["data"]["pgsteer.yaml"]

    generation, before = present()
    release.upgrade(LEAST, "--set", "config.log.level=debug")
    assert present() == (generation, before.replace("format: json\n", "format: json\n  level: debug\n"))
    release.upgrade(LEAST, "--set", "podAnnotations.restarted=now")
    assert present() == (generation + 1, before)


def test_uninstall_leaves_nothing(kube, namespace, release):
    release.install(LEAST)
    assert len(own_objects(kube, namespace)) == 7
    release.uninstall()
    assert not own_objects(kube, namespace)


# Two beside each other, for two Clusters of one namespace.
def test_releases_do_not_meet(kube, namespace, release, tmp_path):
    release.install(LEAST)
    Release(kube, namespace, tmp_path, name="second").install(LEAST)
    services = [kube.admin.get(f"/api/v1/namespaces/{namespace}/services/{name}") for name in (NAME, f"second-{NAME}")]
    selectors = [each["spec"]["selector"] for each in services]
    assert selectors[0] != selectors[1]
