"""Each alert fires when it should, keeps silent when it should, and tells what to do."""
import re
import subprocess

import pytest
import yaml

from observed.paths import ALERTS, CASES, ROOT, RUNBOOK

CASE_FILES = sorted(CASES.glob("*_test.yaml"))


def rules() -> list:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def promtool(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *arguments], text=True, capture_output=True, check=False)


def test_promtool_accepts_the_rules():
    checked = promtool("check", "rules", ALERTS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("file", CASE_FILES, ids=lambda file: file.stem)
def test_alerts_do_what_their_cases_say(file):
    checked = promtool("test", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    fires, is_silent = set(), set()
    for file in CASE_FILES:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for expected in case["alert_rule_test"]:
                (fires if expected["exp_alerts"] else is_silent).add(expected["alertname"])
    names = {rule["alert"] for rule in rules()}
    assert fires == names
    assert is_silent == names


def test_alert_names_are_unique():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alert_says_how_bad_it_is_what_is_wrong_and_where_its_runbook_is(rule):
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert "for" in rule
    notes = rule["annotations"]
    assert notes["summary"] and notes["description"]
    path, anchor = notes["runbook_url"].split("#")
    assert ROOT / path == RUNBOOK
    # A heading's anchor is its text in lower case.
    assert anchor in {heading.lower() for heading in re.findall(r"^#+ (\S+)$", RUNBOOK.read_text(), re.MULTILINE)}


def test_runbook_knows_no_alert_that_is_gone():
    described = set(re.findall(r"^#+ (Pgsteer\w+)$", RUNBOOK.read_text(), re.MULTILINE))
    assert described == {rule["alert"] for rule in rules()}
