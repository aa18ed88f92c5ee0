"""A release of the chart, from helm install to helm uninstall. Nothing runs here: there are no controllers."""
import shutil
from pathlib import Path

import pytest
import yaml

from kube_api.manifests import CHART
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


def deployment(kube, namespace: str) -> dict:
    return kube.admin.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}")


def template(kube, namespace: str) -> dict:
    """Of the pods: another one is a restart, which ends every session."""
    return deployment(kube, namespace)["spec"]["template"]


def configuration(kube, namespace: str) -> str:
    return kube.admin.get(f"/api/v1/namespaces/{namespace}/configmaps/{NAME}")["data"]["pgsteer.yaml"]


def service_ports(kube, namespace: str) -> dict:
    """Where each leads to, by its name."""
    service = kube.admin.get(f"/api/v1/namespaces/{namespace}/services/{NAME}")
    return {each["name"]: each["targetPort"] for each in service["spec"]["ports"]}


# pgsteer takes in what changes, a new listener too, once its ConfigMap is there; the Service has it at once.
def test_new_listener_restarts_nobody(kube, namespace, release, tmp_path):
    release.install(LEAST)
    before = template(kube, namespace)
    more = tmp_path / "more.yaml"
    more.write_text(yaml.dump({"config": {"listeners": [
        {"name": name, "bind": f"0.0.0.0:{port}", "route": "any"} for name, port in (("rw", 5432), ("reports", 5434))]}}))
    notes = release.upgrade(LEAST, "--values", more)
    assert service_ports(kube, namespace) == {"rw": 5432, "reports": 5434}
    assert template(kube, namespace) == before
    for line in ("A changed config is in force without a restart", "-- pgsteer config\n", "-- pgsteer reload\n"):
        assert line in notes, notes


def test_control_socket_by_another_name_restarts_nobody_either(kube, namespace, release):
    release.install(LEAST)
    before = template(kube, namespace)
    notes = release.upgrade(LEAST, "--set", "config.control.socket=/run/pgsteer/other.sock")
    assert template(kube, namespace) == before
    assert "-- pgsteer reload --control /run/pgsteer/other.sock\n" in notes, notes


# Pods stay as they are until somebody asks for it.
def test_upgrade_restarts_nobody_by_itself(kube, namespace, release, tmp_path):
    release.install(LEAST)
    before, text = template(kube, namespace), configuration(kube, namespace)
    release.upgrade(LEAST, "--set", "config.log.level=debug,commonLabels.team=a,commonAnnotations.b=c")
    assert configuration(kube, namespace) == text.replace("format: json\n", "format: json\n  level: debug\n")
    assert template(kube, namespace) == before
    release.chart = tmp_path / "chart"
    shutil.copytree(CHART, release.chart)
    description = release.chart / "Chart.yaml"
    description.write_text(description.read_text().replace("\nversion: ", "\nversion: 1"))
    release.upgrade(LEAST)
    assert template(kube, namespace) == before
    release.upgrade(LEAST, "--set", "podAnnotations.restarted=now")
    assert template(kube, namespace) != before


def test_changed_configuration_restarts_pods_if_asked_to(kube, namespace, release):
    asked = ["--set", "restartOnConfigChange=true"]
    release.install(LEAST, *asked)
    before = template(kube, namespace)
    release.upgrade(LEAST, *asked)
    assert template(kube, namespace) == before
    notes = release.upgrade(LEAST, *asked, "--set", "config.log.level=debug")
    assert template(kube, namespace) != before
    # Each pod has one configuration for its life.
    assert "reload_on_change: \"off\"\n" in configuration(kube, namespace)
    assert "without a restart" not in notes


# One pod instead of four would end the sessions of three.
@pytest.mark.parametrize("scaler", [["--set", "autoscaling.enabled=true"],
                                    ["--set", "keda.enabled=true,keda.triggers[0].type=cpu",
                                     "--set-string", "keda.triggers[0].metadata.value=70"]], ids=["HPA", "KEDA"])
def test_scaling_by_load_begins_with_the_pods_that_are_there(kube, namespace, release, scaler, foreign_kinds):
    # pylint: disable=unused-argument
    release.install(LEAST, "--set", "replicas=4")
    release.upgrade(LEAST, *scaler)
    assert deployment(kube, namespace)["spec"]["replicas"] == 4


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


# Their Roles meet in the third namespace.
def test_two_namespaces_may_share_a_third_ones_cluster(kube, namespace, release, tmp_path):
    there = ["--set", f"config.cluster.backends.kubernetes.namespace={kube.new_namespace()}"]
    release.install(LEAST, *there)
    Release(kube, kube.new_namespace(), tmp_path).install(LEAST, *there)
