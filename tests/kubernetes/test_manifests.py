"""deploy/kubernetes: whatever its users make of it, a strict API server takes it, and pgsteer reads its configuration."""
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.wait import wait_until
from kube_api.access import Account, write_token
from kube_api.cnpg import CnpgCluster
from kube_api.dry_run import DryRun
from kube_api.manifests import (DEPLOY, OVERLAYS, NotRendered, configuration, helm_template, kustomize, named,
                                pod_of, render_base, without_helm)

VALUES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
LEAST = Path(__file__).parent / "values" / "cnpg.yaml"
GATEWAY = LEAST.with_name("gateway.yaml")
MONITORING = LEAST.with_name("monitoring.yaml")
# Both families, for Services that ask for them.
API_SERVER_FLAGS = ["--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112"]
STATE_FOLDER = "/var/lib/pgsteer"
# Those that values files name.
OTHER_NAMESPACES = ("db", "entrances")
# What takes only pods of the Pod Security Standard "restricted".
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="module")
def surroundings(whole_kube, foreign_kinds):  # pylint: disable=unused-argument
    """What values files name."""
    whole_kube.admin.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", {
        "metadata": {"name": "kata"}, "handler": "kata"})
    for name in OTHER_NAMESPACES:
        whole_kube.admin.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": RESTRICTED}})


@pytest.fixture
def dry_run(kube, namespace, surroundings) -> DryRun:  # pylint: disable=unused-argument
    """In a namespace that takes only pods of the Pod Security Standard "restricted"."""
    kube.admin.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}})
    return DryRun(kube.admin, namespace)


def check(objects: list, folder: Path) -> None:
    """pgsteer reads its configuration in the environment of its pod, with a folder of the test for its state; its secrets
    are those of a pod."""
    path = folder / "pgsteer.yaml"
    path.write_text(configuration(objects).replace(STATE_FOLDER, str(folder)))
    variables = {each["name"]: each["value"] for each in pod_of(objects)["spec"]["containers"][0]["env"] if "value" in each}
    done = subprocess.run([os.environ["PGSTEER_BINARY"], "check", "--no-files", "--config", path], text=True, check=False,
                          env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def by_name(paths: list) -> dict:
    return {"argvalues": paths, "ids": [path.stem for path in paths]}


@pytest.mark.parametrize("values", **by_name(VALUES))
def test_chart(values, dry_run, namespace, tmp_path):
    objects = helm_template(values, namespace=namespace)
    for each in objects:
        dry_run.apply(each)
    dry_run.apply(pod_of(objects))
    check(objects, tmp_path)


# Names that YAML takes for something else, and the longest one.
@pytest.mark.parametrize("release", ["on", "e1", "a" * 53])
def test_release_may_have_any_name(release, dry_run, namespace):
    objects = helm_template(LEAST, "--set", "headlessService.enabled=true", namespace=namespace, release=release)
    for each in [*objects, pod_of(objects)]:
        dry_run.apply(each)


def test_network_policy_shuts_the_admin_port_to_whoever_is_not_named():
    def ports(*more) -> list:
        policy = named(helm_template(LEAST, "--set", "networkPolicy.enabled=true", *more), "NetworkPolicy")
        return [[each["port"] for each in rule["ports"]] for rule in policy["spec"]["ingress"]]

    assert ports() == [[5432, 5433]]
    assert ports("--set", "networkPolicy.adminFrom[0].podSelector.matchLabels.app=prometheus") == [
        [5432, 5433], ["admin"]]


# Of two releases each has alerts and a dashboard of its own, whatever they are called.
def test_alerts_and_dashboard_are_of_this_release_alone():
    objects = helm_template(MONITORING, "--set", "fullnameOverride=entrance", namespace="db")
    groups = named(objects, "PrometheusRule")["spec"]["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    assert rules["PgsteerNoPrimary"]["expr"].strip() == 'pgsteer_primary_known{job="db/entrance"} == 0'
    assert all(".*pgsteer.*" not in str(rule) for rule in rules.values())
    [(name, text)] = next(each["data"] for each in objects if each["metadata"]["name"] == "entrance-dashboard").items()
    dashboard = json.loads(text)
    assert (name, dashboard["title"]) == ("db-entrance.json", "pgsteer db/entrance")
    assert dashboard["uid"] != "pgsteer" and ".*pgsteer.*" not in text


def test_alerts_may_be_changed():
    groups = named(helm_template(MONITORING), "PrometheusRule")["spec"]["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    assert (rules["PgsteerNoStandby"]["for"], rules["PgsteerNoStandby"]["labels"]["severity"]) == ("10m", "info")
    assert rules["PgsteerNoStandby"]["annotations"]["runbook_url"] == \
        "https://wiki.example.org/observability.md#pgsteernostandby"
    # A failover that logins are held through wakes nobody.
    assert rules["PgsteerNoPrimary"]["for"] == "70s"


# Gateway API 1.6 made TCPRoute a v1; before it was v1alpha2 alone, which test_chart has.
def test_tcp_route_is_of_the_version_that_the_cluster_has(dry_run, namespace):
    routes = [each for each in helm_template(GATEWAY, "--api-versions", "gateway.networking.k8s.io/v1/TCPRoute",
                                             namespace=namespace) if each["kind"] == "TCPRoute"]
    assert [each["apiVersion"] for each in routes] == 2 * ["gateway.networking.k8s.io/v1"]
    for each in routes:
        dry_run.apply(each)


@pytest.mark.parametrize("overlay", **by_name(sorted(OVERLAYS.iterdir())))
def test_overlay_is_the_chart_with_its_values(overlay, dry_run, tmp_path):
    objects = kustomize(overlay)
    assert without_helm(objects) == without_helm(helm_template(overlay / "chart-values.yaml"))
    for each in without_helm(objects):
        dry_run.apply(each)
    check(objects, tmp_path)


def test_overlay_binds_its_own_account():
    for overlay in OVERLAYS.iterdir():
        objects = kustomize(overlay)
        subject = named(objects, "RoleBinding")["subjects"][0]
        account = named(objects, "ServiceAccount")["metadata"]
        assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"]), overlay.name


def test_base_is_made_from_the_chart(tmp_path):
    render_base(tmp_path)
    by_hand = {"kustomization.yaml", "chart-values.yaml"}
    assert {made.name for made in tmp_path.iterdir()} == {each.name for each in (DEPLOY / "base").iterdir()} - by_hand
    for made in tmp_path.iterdir():
        assert made.read_text() == (DEPLOY / "base" / made.name).read_text(), "run deploy/kubernetes/render"


# Neither more nor less: what pgsteer asks for is what the chart's Role grants.
def test_role_is_what_pgsteer_asks_for(kube, cluster, namespace, instances, run_pgsteer, source, token_file):
    cnpg = CnpgCluster(kube.admin, namespace)
    cnpg.hold_lease(instances.name_of(cluster.primary))
    objects = helm_template(LEAST)
    role = named(objects, "Role")
    backends = yaml.safe_load(configuration(objects))["cluster"]["backends"]["kubernetes"]
    account = Account(kube.admin, namespace, name="chart", rights=role["rules"])
    write_token(token_file, account.token())
    run_pgsteer(cluster, source=source(label_selector=None, **backends)).wait_standbys(2)
    granted = {(group, resource, name, verb) for rule in role["rules"] for name in rule.get("resourceNames", [""])
               for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}

    def asked() -> list:
        return kube.server.audit.requests(account.user)

    wait_until(lambda: {right_of(request) for request in asked()} >= granted, what="every right to be used")
    assert {request.status for request in asked()} == {200}
    assert {right_of(request) for request in asked()} == granted


def right_of(request) -> tuple:
    """(API group, resource, name, verb)"""
    where = request.path.strip("/").split("/")
    name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
    return ("" if where[0] == "api" else where[1]), where[-1], name, request.verb


def test_schema_is_made_from_the_values():
    subprocess.run([DEPLOY / "helm" / "schema", "--check"], check=True)


# (what is set, words of the error)
WRONG = [
    ("replicas=two", "replicas"),
    ("replicsa=2", "additional properties 'replicsa' not allowed"),
    ("image.repository=", "image.repository: name where your image is"),
    ("image.digest=sha256:12", "/image/digest"),
    ("service.type=Cluster", "/service/type"),
    ("service.loadBalancerSourceRanges={203.0.113.7}", "/service/loadBalancerSourceRanges/0"),
    ("service.ports.rw=70000", "/service/ports/rw"),
    ("podAntiAffinity=soft", "/podAntiAffinity"),
    ("autoscaling=null", "missing property 'autoscaling'"),
    ("image.repository=registry.example/pgsteer:1", "/image/repository"),
    # Of pgsteer's configuration: its keys, words that are booleans to YAML, and what the manifests depend on.
    ("config.listener=x", "additional properties 'listener' not allowed"),
    ("config.limits.sessionz=7", "additional properties 'sessionz' not allowed"),
    ("config.cluster.backends.kubernetes.label=a", "additional properties 'label' not allowed"),
    ("config.relay.spin=true", "/config/relay/spin"),
    ("config.log.level=debgu", "/config/log/level"),
    ("config.drain_timeout=60", "/config/drain_timeout"),
    ("config.drain_timeout=01s", "/config/drain_timeout"),
    ("config.cluster.state_dir=state", "/config/cluster/state_dir"),
    ("config.cluster.state_dir=/${FOLDER}", "/config/cluster/state_dir"),
    ("config.control.socket=control.sock", "/config/control/socket"),
    ("config.control.socket=/control.sock", "/config/control/socket"),
    ("config.control=null", "missing property 'control'"),
    ("config.reload_on_change=true", "/config/reload_on_change"),
    ("config.drain_timeout=${SECONDS}s", "/config/drain_timeout"),
    ("config.cluster.backends.kubernetes.cnpg_cluster=${CLUSTER}", "/config/cluster/backends/kubernetes/cnpg_cluster"),
    ("config.admin.bind=localhost:9464", "/config/admin/bind"),
    ("config.admin.bind=127.0.0.1:9464", "config.admin.bind: nobody outside of the pod reaches 127.0.0.1:9464"),
    ("config.admin.bind=0.0.0.0:5432", "config.listeners[0].bind: its port is the one of config.admin"),
    ("config.cluster.system_identifier=7711374223114453103", "/config/cluster/system_identifier"),
    ("config.cluster.backends.kubernetes=null", "config.cluster.backends: name one source"),
    ("config.cluster.backends.dns.name=x", "found dns and kubernetes"),
    ("config.cluster.backends.kubernetes.cnpg_cluster=null", "name cnpg_cluster or label_selector"),
    ("config.cluster.backends.kubernetes.label_selector=a", "cnpg_cluster or label_selector, not both"),
    # How values fit together.
    ("service.ports.rww=6432", "service.ports.rww: there is no listener of this name"),
    ("service.ports.rw=5433", "the Service's port 5433 is that of rw already"),
    ("service.nodePorts.rw=30432", "service.nodePorts: not where service.type is ClusterIP"),
    ("service.loadBalancerSourceRanges={203.0.113.7/32}", "service.loadBalancerSourceRanges: only where"),
    ("service.ipFamilies={IPv6}", "takes no IPv6, which service.ipFamilies asks for"),
    ("terminationGracePeriodSeconds=20", "terminationGracePeriodSeconds: 20 is less than"),
    ("lifecycle.preStop.sleep.seconds=30,terminationGracePeriodSeconds=80", "config.drain_timeout together, 90"),
    ("podDisruptionBudget.maxUnavailable=null", "podDisruptionBudget: name minAvailable or maxUnavailable"),
    ("prometheusRule.enabled=true,prometheusRule.alerts.PgsteerNo.for=1m", "there is no alert of this name"),
    ("autoscaling.enabled=true,autoscaling.minReplicas=9", "autoscaling.minReplicas: more than maxReplicas"),
    ("autoscaling.enabled=true,keda.enabled=true", "only one of the two may set the number of pods"),
    ("keda.enabled=true", "keda.triggers: name at least one"),
    ("probeRoleJob.enabled=true", "probePassword.secretName names the Secret"),
    ("probeRoleJob.enabled=true,probePassword.secretName=a,probeRoleJob.image=b", "probeRoleJob.adminSecretName: name"),
    ("probeRoleJob.enabled=true,probePassword.secretName=a,config.probe.user=${WHO}", "probeRoleJob: config.probe.user"),
    ("probePassword.secretName=a,config.probe.passfile=/b", "only one of the two has the password"),
    ("probePassword.secretName=a,config.probe.password_file=/b", "only one of the two has the password"),
    ("probeCA.secretName=a,config.probe.sslrootcert=/b", "only one of the two has the authority"),
    ("probeCA.secretName=a,probeCA.configMapName=b", "probeCA: secretName or configMapName, not both"),
    ("tcpRoute.enabled=true", "tcpRoute.parentRefs: name the Gateway"),
]
# A whole listener, since --set replaces lists.
LISTENER = "config.listeners[0].name={},config.listeners[0].bind={},config.listeners[0].route={}"
WRONG_LISTENERS = [
    (("rw", "0.0.0.0:5432", "writer"), "/config/listeners/0"),
    (("rw", "0.0.0.0:0777", "primary"), "/config/listeners/0/bind"),
    (("rw", "0.0.0.0:77777", "primary"), "expected a port of 1 to 65535"),
    (("rw", "127.0.0.1:5432", "primary"), "config.listeners.rw.bind: nobody outside of the pod reaches"),
    (("admin", "0.0.0.0:5432", "primary"), "config.listeners[0].name: expected 1 to 15"),
    (("a--b", "0.0.0.0:5432", "primary"), "config.listeners[0].name: expected 1 to 15"),
    (("123", "0.0.0.0:5432", "primary"), "/config/listeners/0/name"),
]


@pytest.mark.parametrize("change, words", [*WRONG, *[(LISTENER.format(*each), words) for each, words in WRONG_LISTENERS]])
def test_wrong_value_is_named(change, words):
    with pytest.raises(NotRendered) as refused:
        helm_template(LEAST, "--set", change)
    assert words in str(refused.value), refused.value
