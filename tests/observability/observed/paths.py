"""Where the files under test are."""
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GRAFANA = ROOT / "deploy" / "grafana"
MIXIN = GRAFANA / "mixin"
DASHBOARD = GRAFANA / "dashboard.json"
ALERTS = GRAFANA / "alerts.yaml"
RUNBOOK = ROOT / "docs" / "observability.md"
CASES = ROOT / "tests" / "observability" / "alerts"
