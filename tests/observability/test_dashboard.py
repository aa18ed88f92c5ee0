"""Every panel shows something of a pgsteer that a real Prometheus has watched through a real failover."""
import math
import re

import pytest

from harness.wait import wait_until
from observed.dashboard import ALL, chosen, load, metric_names, panels, substitute, targets, variables
from observed.paths import ROOT
from observed.story import PLAIN_JOB, POD, WINDOW_SECONDS
from test_alerts import rules

DASHBOARD = load()
# Exported where Kubernetes is the source of the backends, and only there: tests/kubernetes/test_dashboard.py shows those.
KUBERNETES_ONLY = "pgsteer_discovery_"
EXPOSITION = ROOT / "src" / "metrics" / "exposition.cpp"
# Metrics that are in no panel and no alert, each with the reason.
NOT_SHOWN = {}
STEP_SECONDS = 0.5


def windows(story) -> dict:
    """Grafana's own variables. __rate_interval is four scrapes at least, as Grafana has it."""
    return {"__rate_interval": f"{WINDOW_SECONDS}s", "__interval": "1s", "__range": f"{math.ceil(story.end - story.begin)}s"}


def choices(story) -> dict:
    """What may be chosen; nothing has a namespace outside Kubernetes, so that All matches what has none."""
    backends = [backend.address for backend in story.cluster.backends]
    return {
        "all": {"namespace": ALL, "job": ALL, "listener": ALL, "backend": ALL},
        "outside Kubernetes": {"namespace": "", "job": PLAIN_JOB, "listener": ALL, "backend": ALL},
        "some of each": {"namespace": chosen([POD["namespace"]]), "job": chosen(list(story.jobs)),
                         "listener": chosen(["rw", "ro"]), "backend": chosen(backends)},
    }


def values_of(story, target, query: str) -> list:
    if target.is_instant:
        return [value for _, value in story.prometheus.series(query, story.end)]
    found = story.prometheus.over_time(query, story.begin, story.end, STEP_SECONDS)
    return [value for _, points in found for _, value in points]


@pytest.mark.parametrize("target", targets(DASHBOARD), ids=lambda target: target.title)
def test_panel_shows_something(story, target):
    is_for_kubernetes = all(name.startswith(KUBERNETES_ONLY) for name in target.metrics()) and target.metrics()
    for name, choice in choices(story).items():
        query = substitute(target.query, {**windows(story), **choice})
        values = values_of(story, target, query)  # It raises what is wrong with the query.
        if is_for_kubernetes:
            assert values == [], f"{name}: no longer for Kubernetes only?"
        else:
            assert any(math.isfinite(value) for value in values), f"{name}: {query}: {values[:9]}"


@pytest.mark.parametrize("name", variables(DASHBOARD))
def test_variable_has_values(story, name):
    query = variables(DASHBOARD)[name]["query"]
    expected = {"namespace": {POD["namespace"]}, "job": set(story.jobs), "listener": {"rw", "ro"},
                "backend": {backend.address for backend in story.cluster.backends}}[name]
    assert set(story.prometheus.label_values(substitute(query, {"namespace": ALL, "job": ALL}))) == expected


def test_primary_shown_is_the_successor(story):
    target = next(target for target in targets(DASHBOARD) if target.panel["title"] == "Primary")
    query = substitute(target.query, {**windows(story), **choices(story)["all"]})
    assert [labels for labels, _ in story.prometheus.series(query, story.end)] == \
        [{"backend": story.cluster.primary.address}]


def test_primary_is_dated_by_its_proof(story):
    since = story.prometheus.value(f"pgsteer_primary_since_timestamp_seconds{{{story.plain}}}", story.end)
    assert story.begin < since < story.end


def test_change_of_primary_is_an_annotation(story):
    query = DASHBOARD["annotations"]["list"][0]["expr"]
    query = substitute(query, {**windows(story), **choices(story)["all"]})
    assert story.prometheus.over_time(query, story.begin, story.end, STEP_SECONDS)


def test_alerts_are_evaluated_without_an_error(story):
    def evaluated() -> list:
        found = [rule for group in story.prometheus.get("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else []

    found = wait_until(evaluated, what="every alert to be evaluated")
    assert {rule["name"] for rule in found} == {rule["alert"] for rule in rules()}
    assert [(rule["name"], rule["lastError"]) for rule in found if rule["health"] != "ok"] == []


def exported(story) -> set:
    """By this pgsteer, and by one whose backends Kubernetes tells of."""
    kubernetes = set(re.findall(r'"(discovery_\w+)"', EXPOSITION.read_text()))
    assert kubernetes
    names = set(re.findall(r"^# TYPE (\S+) ", story.proxy.get("/metrics")[1], re.MULTILINE))
    assert {"pgsteer_build_info", "process_open_fds"} <= names
    return names | {f"pgsteer_{name}" for name in kubernetes}


def without_suffix(name: str, families: set) -> str:
    """pgsteer_login_seconds of pgsteer_login_seconds_bucket."""
    family = re.sub(r"_(bucket|sum|count)$", "", name)
    return family if family in families else name


def test_every_metric_is_in_a_panel_or_an_alert_or_left_out_on_purpose(story):
    queries = [target.query for target in targets(DASHBOARD)] + [rule["expr"] for rule in rules()]
    families = exported(story)
    shown = {without_suffix(name, families) for query in queries for name in metric_names(query)}
    assert families - shown == set(NOT_SHOWN)


def test_no_panel_or_alert_asks_for_a_metric_that_does_not_exist(story):
    queries = [target.query for target in targets(DASHBOARD)] + [rule["expr"] for rule in rules()]
    families = exported(story)
    asked = {without_suffix(name, families) for query in queries for name in metric_names(query)}
    assert asked - families == set()


@pytest.mark.parametrize("panel", panels(DASHBOARD), ids=lambda panel: panel["title"])
def test_panel_has_a_title_a_description_a_unit_and_a_legend(panel):
    assert panel["title"] and panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert all(target["legendFormat"] for target in panel["targets"])
    if panel["type"] in {"timeseries", "state-timeline", "bargauge"}:
        assert panel["options"]["legend"]["showLegend"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


def test_panels_lie_beside_each_other_and_have_ids_of_their_own():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_dashboard_keeps_its_address():
    assert DASHBOARD["uid"] == "pgsteer"
