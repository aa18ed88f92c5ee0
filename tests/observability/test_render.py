"""The generated files are what the mixin makes, and whoever imports it can change its options."""
import json
import subprocess

from observed.dashboard import load, targets
from observed.paths import GRAFANA, MIXIN

DEFAULT_SELECTOR = 'job=~".*pgsteer.*"'


def evaluate(expression: str):
    made = subprocess.run(["jsonnet", "-J", MIXIN, "-e", expression], text=True, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def with_options(options: str) -> str:
    return f"(import 'mixin.libsonnet') + {{ _config+:: {options} }}"


def test_generated_files_are_as_the_mixin_makes_them():
    checked = subprocess.run([GRAFANA / "render", "--check"], text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_another_selector_reaches_every_query():
    mixin = with_options("{ pgsteerSelector: 'cluster=\"blue\"' }")
    dashboard = evaluate(f"({mixin}).grafanaDashboards['pgsteer.json']")
    rules = [rule for group in evaluate(f"({mixin}).prometheusAlerts")["groups"] for rule in group["rules"]]
    for query in [target.query for target in targets(dashboard)] + [rule["expr"] for rule in rules]:
        assert 'cluster="blue"' in query
    assert ".*pgsteer.*" not in json.dumps([dashboard, rules])
    assert all(DEFAULT_SELECTOR in target.query for target in targets(load()))


def test_a_threshold_can_be_changed():
    mixin = with_options("{ connectionsFreeMin: 3, connectionsForSeconds: 7 }")
    rules = {rule["alert"]: rule for group in evaluate(f"({mixin}).prometheusAlerts")["groups"] for rule in group["rules"]}
    assert rules["PgsteerBackendNearlyFull"]["expr"].strip().endswith("< 3")
    assert rules["PgsteerBackendNearlyFull"]["for"] == "7s"


def test_mixin_adds_to_those_it_is_combined_with():
    combined = "{ prometheusAlerts+:: { groups+: [{ name: 'other', rules: [] }] } } + (import 'mixin.libsonnet')"
    names = [group["name"] for group in evaluate(f"({combined}).prometheusAlerts")["groups"]]
    assert "other" in names and "pgsteer-primary" in names
