"""The dashboard as Grafana reads it: panels, and their queries with the variables in place."""
import json
import re
from dataclasses import dataclass

from .paths import DASHBOARD

_SPECIAL = re.compile(r"[\\^$.*+?()|\[\]{}]")


def chosen(values: list) -> str:
    """A variable with these values chosen, as Grafana writes it into a regular expression of PromQL: each is escaped, once
    for the expression and once for the string around it."""
    escaped = [_SPECIAL.sub(lambda found: "\\\\" + found.group(0), value) for value in values]
    return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"


ALL = ".*"  # Each variable's allValue.


@dataclass(frozen=True)
class Target:
    panel: dict
    query: str
    legend: str
    is_instant: bool

    @property
    def title(self) -> str:
        return f"{self.panel['title']}: {self.legend}"

    def metrics(self) -> set:
        return metric_names(self.query)


def load() -> dict:
    return json.loads(DASHBOARD.read_text())


def panels(dashboard: dict) -> list:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def targets(dashboard: dict) -> list:
    return [Target(panel, target["expr"], target["legendFormat"], target.get("instant", False))
            for panel in panels(dashboard) for target in panel["targets"]]


def variables(dashboard: dict) -> dict:
    """name -> variable, of those that are queried."""
    return {each["name"]: each for each in dashboard["templating"]["list"] if each["type"] == "query"}


def substitute(query: str, values: dict) -> str:
    """values: also of __rate_interval, __range and __interval."""
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(f"${name}", values[name])
    return query


def legend(pattern: str, labels: dict) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found.group(1), ""), pattern)


def metric_names(query: str) -> set:
    """Of pgsteer's and the process's metrics in a query."""
    return set(re.findall(r"\b(?:pgsteer|process)_\w+(?=\{)", query))


__all__ = ["ALL", "Target", "chosen", "legend", "load", "metric_names", "panels", "substitute", "targets", "variables"]
