"""The unit, put in place by hand as its head says: what systemd-analyze finds, and the exit codes it goes by."""
import re
from pathlib import Path

import pytest

UNIT_FILE = Path(__file__).parents[2] / "deploy/systemd/pgsteer.service"
UNIT = "/etc/systemd/system/pgsteer.service"
CONFIG = "/etc/pgsteer/pgsteer.yaml"
# systemd's measure of what a service could do if it were taken over, in tenths, from 0 to 100. 16: it has the network, Unix
# sockets, the host's users and files, and its children may send notifications.
EXPOSURE_MAX = 16
# 192.0.2.1 is nobody's: RFC 5737.
WITHOUT_ITS_ADDRESS = """cluster: { backends: { static: ["10.0.0.1:5432"] } }
probe: { user: pgsteer }
listeners: [{ name: rw, bind: "192.0.2.1:5432", route: primary }]
"""


@pytest.fixture
def by_hand(system, binary):
    system.run("install", "-m", "0755", system.copy(binary), "/usr/bin/pgsteer")
    system.run("install", "-m", "0644", system.copy(UNIT_FILE), UNIT)
    return system


def test_is_valid_and_confined(by_hand):
    assert by_hand.run("systemd-analyze", "verify", UNIT) == ""
    judged = by_hand.try_to_run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}",
                                "--no-pager", UNIT)
    assert judged.returncode == 0, judged.stdout


# A typing error ends a start with 2, which the unit does not repeat, and is told as by check; what may pass with 1.
def test_goes_by_the_exit_codes_of_a_start(by_hand):
    by_hand.run("mkdir", "/etc/pgsteer")
    by_hand.write(CONFIG, WITHOUT_ITS_ADDRESS)
    done = by_hand.try_to_run("pgsteer", "run", "--config", CONFIG, user="daemon")
    assert done.returncode == 1 and "cannot listen on 192.0.2.1:5432" in done.stdout, done.stdout
    by_hand.write(CONFIG, WITHOUT_ITS_ADDRESS.replace("route", "rout"))
    done = by_hand.try_to_run("pgsteer", "run", "--config", CONFIG, user="daemon")
    assert done.returncode == 2 and f"{CONFIG}:" in done.stdout, done.stdout
    unit = UNIT_FILE.read_text()
    for line in ("Restart=on-failure", "RestartPreventExitStatus=2", "StartLimitIntervalSec=0"):
        assert f"\n{line}\n" in unit
    assert "ExecStartPre=" not in re.sub(r"^#.*", "", unit, flags=re.MULTILINE), "its exit code prevents no restart"
