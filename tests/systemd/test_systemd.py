"""The unit under a real systemd: what an operator does by systemctl, and what systemd makes of what pgsteer tells it."""
import os

import pytest

from boot import Booted, cgroup2
from harness.wait import wait_until

CONFIG = "/etc/pgsteer/pgsteer.yaml"
# systemd's own limit, by default, is 5 starts in 10 s.
STARTS_MAX = 5


@pytest.fixture
def booted(package):
    if os.geteuid() != 0 or cgroup2() is None:
        pytest.skip("a systemd of its own takes root and cgroup2")
    with Booted() as system:
        system.run("dpkg", "--install", system.copy(package))
        system.run("install", "-m", "0640", "-g", "pgsteer", "/dev/null", "/etc/pgsteer/probe.password")
        yield system


def edit(system: Booted, *changes: tuple) -> None:
    text = system.run("cat", CONFIG)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    system.write(CONFIG, text)


# A start is over when the ports are open, and a reload that is refused has failed, but not the service.
def test_start_reload_and_restart(booted):
    assert booted.try_to_run("systemctl", "is-enabled", "pgsteer").stdout == "disabled\n"
    booted.run("systemctl", "start", "pgsteer")
    assert "pgsteer started" in booted.journal("pgsteer")
    pid = booted.shown("pgsteer", "MainPID")
    assert booted.run("stat", "--format=%U:%G", f"/proc/{pid}") == "pgsteer:pgsteer\n"
    wait_until(lambda: booted.shown("pgsteer", "StatusText") == "no primary, 0 sessions", what="the status")

    edit(booted, ("route: prefer-standby", "route: standby"))
    booted.run("systemctl", "reload", "pgsteer")
    assert "configuration reloaded" in booted.journal("pgsteer")
    edit(booted, ("route: standby", "route: standbye"))
    assert booted.try_to_run("systemctl", "reload", "pgsteer").returncode == 1
    assert "standbye" in booted.journal("pgsteer")
    assert (booted.shown("pgsteer", "ActiveState"), booted.shown("pgsteer", "MainPID")) == ("active", pid)

    edit(booted, ("standbye", "standby"))
    booted.run("systemctl", "kill", "--signal=KILL", "pgsteer")
    wait_until(lambda: booted.shown("pgsteer", "MainPID") not in ("0", pid)
               and booted.shown("pgsteer", "ActiveState") == "active", what="the next process")
    booted.run("systemctl", "stop", "pgsteer")
    assert booted.shown("pgsteer", "Result") == "success"


# TimeoutStopSec= is no bound of a drain: pgsteer asks for the time that its own configuration allows it.
def test_drains_for_longer_than_the_units_time_to_stop(booted):
    booted.run("mkdir", "/etc/systemd/system/pgsteer.service.d")
    booted.write("/etc/systemd/system/pgsteer.service.d/short.conf", "[Service]\nTimeoutStopSec=1s\n")
    booted.run("systemctl", "daemon-reload")
    booted.write(CONFIG, booted.run("cat", CONFIG) + "drain_grace: 3s\n")
    booted.run("systemctl", "start", "pgsteer")
    booted.run("systemctl", "stop", "pgsteer")
    assert booted.shown("pgsteer", "Result") == "success"
    assert booted.journal("pgsteer").count("pgsteer stopped") == 1


# An address that comes after the service does: a floating one, or DHCP's.
def test_is_started_until_its_address_is_there_but_not_with_a_typing_error(booted):
    edit(booted, ("0.0.0.0:5432", "192.0.2.1:5432"))
    assert booted.try_to_run("systemctl", "start", "pgsteer").returncode == 1
    wait_until(lambda: int(booted.shown("pgsteer", "NRestarts")) > STARTS_MAX, what="more starts than a limit would allow")
    booted.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
    wait_until(lambda: booted.shown("pgsteer", "ActiveState") == "active", what="a start that succeeds")

    edit(booted, ("route: primary", "rout: primary"))
    assert booted.try_to_run("systemctl", "restart", "pgsteer").returncode == 1
    assert booted.shown("pgsteer", "ActiveState") == "failed", "neither started nor about to be"
    assert (booted.shown("pgsteer", "ExecMainStatus"), booted.shown("pgsteer", "NRestarts")) == ("2", "0")


# A password that root alone may read is handed over by systemd; one that comes later is no reason not to start.
@pytest.mark.parametrize("has_password", [True, False])
def test_takes_a_password_of_roots(booted, has_password):
    booted.run("rm", "/etc/pgsteer/probe.password")
    if has_password:
        booted.write("/etc/pgsteer/probe.password", "secret\n")
        booted.run("chmod", "0600", "/etc/pgsteer/probe.password")
    edit(booted, ("password_file: /etc/pgsteer/probe.password", 'password_file: "${CREDENTIALS_DIRECTORY}/probe.password"'))
    booted.run("systemctl", "start", "pgsteer")
    passed = "/run/credentials/pgsteer.service/probe.password"
    assert passed in booted.run("pgsteer", "config")
    assert booted.run("cat", passed) == ("secret\n" if has_password else "\n")
    pid = booted.shown("pgsteer", "MainPID")
    assert booted.run("nsenter", f"--target={pid}", "--mount", "setpriv", "--reuid=pgsteer", "--regid=pgsteer",
                      "--clear-groups", "cat", passed) == booted.run("cat", passed)
    assert "probe.password" not in booted.journal("pgsteer"), "nothing to complain of"


# The new process becomes the main one, and the service is active all the time.
def test_a_new_version_takes_over(booted):
    booted.run("systemctl", "start", "pgsteer")
    pid = booted.shown("pgsteer", "MainPID")
    said = booted.run("pgsteer", "upgrade")
    successor = said.split()[1]
    wait_until(lambda: booted.shown("pgsteer", "MainPID") == successor, what="the new process to be the main one")
    wait_until(lambda: booted.try_to_run("test", "-e", f"/proc/{pid}").returncode == 1, what="the old one to leave")
    assert (booted.shown("pgsteer", "ActiveState"), booted.shown("pgsteer", "NRestarts")) == ("active", "0")
    booted.run("systemctl", "reload", "pgsteer")
    booted.run("systemctl", "stop", "pgsteer")
    assert booted.shown("pgsteer", "Result") == "success"


# Whoever comes while the service is not there waits, has it started, and is served; a stop does not spoil the socket.
def test_a_client_at_a_socket_of_systemds_is_not_refused(booted):
    booted.write("/etc/systemd/system/pgsteer-rw.socket",
                 "[Socket]\nListenStream=127.0.0.1:5432\nFileDescriptorName=rw\nService=pgsteer.service\n")
    edit(booted, ("0.0.0.0:5432", "127.0.0.1:5432"))
    booted.run("systemctl", "daemon-reload")
    booted.run("systemctl", "start", "pgsteer-rw.socket")
    # 'S' or 'N' as the answer to an SSLRequest takes a backend; a request of another kind is refused with an error.
    ask = r"exec 3<>/dev/tcp/127.0.0.1/5432 && printf '\0\0\0\010\0\011\0\0' >&3 && timeout 60 head -c1 <&3"
    for _ in range(2):
        assert booted.shown("pgsteer", "ActiveState") == "inactive"
        assert booted.run("bash", "-c", ask) == "E"
        assert booted.shown("pgsteer", "ActiveState") == "active"
        booted.run("systemctl", "restart", "pgsteer")
        assert booted.run("bash", "-c", ask) == "E"
        # Its socket would have it started again by this very test's client.
        booted.run("systemctl", "stop", "pgsteer")
    assert "a socket of the service manager" not in booted.journal("pgsteer"), "nothing to complain of"


# A new version is not started by itself: sessions would end. A removal stops the service, and a purge takes what systemd made
# for it too.
def test_goes_on_over_a_new_version_and_stops_for_a_removal(booted, package):
    booted.run("dpkg", "--install", f"/tmp/{package.name}")
    assert booted.try_to_run("systemctl", "is-enabled", "pgsteer").stdout == "disabled\n"
    booted.run("systemctl", "enable", "--now", "pgsteer")
    pid = booted.shown("pgsteer", "MainPID")
    booted.run("dpkg", "--install", f"/tmp/{package.name}")
    assert booted.run("systemctl", "is-enabled", "pgsteer") == "enabled\n"
    assert (booted.shown("pgsteer", "ActiveState"), booted.shown("pgsteer", "MainPID")) == ("active", pid)
    booted.run("dpkg", "--purge", "pgsteer")
    assert booted.try_to_run("systemctl", "is-active", "pgsteer").stdout == "inactive\n"
    assert booted.shown("pgsteer", "MainPID") == "0"
    for path in (f"/proc/{pid}", "/run/pgsteer", "/var/lib/pgsteer", "/etc/pgsteer",
                 "/etc/systemd/system/multi-user.target.wants/pgsteer.service"):
        assert booted.try_to_run("test", "-e", path, "-o", "-L", path).returncode == 1, path
