"""The Debian package, from dpkg --install to dpkg --purge. No systemd runs: as in a container."""
import re
import signal

from harness.processes import run
from harness.wait import PATIENCE, wait_until

CONFIG = "/etc/pgsteer/pgsteer.yaml"
# What dpkg and adduser keep on any system. The account stays (deploy/debian/postrm).
KEPT = re.compile(r"var/lib/dpkg/|var/log/|var/cache/|etc/(passwd|shadow|group|gshadow|subuid|subgid)-?$|etc/\.pwd\.lock$")


def test_names_what_it_needs(package):
    depends = run(["dpkg-deb", "--field", package, "Depends"])
    for library in ("libc6", "libpq5", "libssl3", "libyaml-cpp0.7"):
        assert re.search(rf"\b{re.escape(library)} \(>= ", depends), depends
    assert run(["dpkg-deb", "--field", package, "Package"]) == "pgsteer\n"
    files = run(["dpkg-deb", "--contents", package])
    assert not re.search(r"^\S+ (?!root/root )", files, re.MULTILINE), files
    program = re.search(r"^-rwxr-xr-x root/root +(\d+) .* \./usr/bin/pgsteer$", files, re.MULTILINE)
    assert program, files
    assert "not stripped" not in run(["sh", "-c", f"dpkg-deb --fsys-tarfile {package} | tar xO ./usr/bin/pgsteer | file -"])


# It is to run as its own user, from the configuration it brings, and to tell as much as at any other place.
def test_runs_as_its_own_user(installed, tmp_path):
    assert re.fullmatch(r"pgsteer \d+\.\d+\.\d+\n", installed.run("pgsteer", "--version"))
    installed.run("pgsteer", "check", "--no-files", "--config", CONFIG)
    assert installed.run("stat", "--format=%U:%G %a", "/var/lib/pgsteer") == "pgsteer:pgsteer 750\n"
    # As the unit has systemd make it; the password's mode is the one that the configuration speaks of.
    installed.run("install", "-d", "-o", "pgsteer", "-g", "pgsteer", "/run/pgsteer")
    installed.run("install", "-m", "0640", "-g", "pgsteer", "/dev/null", "/etc/pgsteer/probe.password")
    installed.run("pgsteer", "check", "--config", CONFIG, user="pgsteer")
    log_path = tmp_path / "log"
    with open(log_path, "wb") as log:
        process = installed.start("pgsteer", "run", "--config", CONFIG, user="pgsteer", stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or "pgsteer started" in log_path.read_text(), what="the start")
        assert process.poll() is None, log_path.read_text()
        uid = installed.run("id", "--user", "pgsteer").strip()
        status = installed.run("cat", f"/proc/{process.pid}/status")
        assert re.search(rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", status, re.MULTILINE), status
        assert "rw" in installed.try_to_run("pgsteer", "status").stdout
        installed.run("sed", "-i", "s/route: prefer-standby/route: standby/", CONFIG)
        assert "listeners[ro].route: prefer-standby -> standby\n" in installed.run("pgsteer", "reload")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, log_path.read_text()
    finally:
        process.kill()
        process.wait()


# The operator's own configuration outlives a new version and a removal, and nothing outlives a purge.
def test_leaves_nothing_behind(installed, package):
    installed.write(CONFIG, "# mine\n")
    installed.run("dpkg", "--install", f"/tmp/{package.name}")
    assert installed.run("cat", CONFIG) == "# mine\n"
    installed.write("/var/lib/pgsteer/fence.json", "{}")
    installed.run("dpkg", "--remove", "pgsteer")
    assert installed.try_to_run("test", "-e", "/usr/bin/pgsteer").returncode == 1
    assert installed.run("cat", CONFIG, "/var/lib/pgsteer/fence.json") == "# mine\n{}"
    installed.run("dpkg", "--install", f"/tmp/{package.name}")
    assert installed.run("cat", CONFIG) == "# mine\n"
    installed.run("dpkg", "--purge", "pgsteer")
    assert {path for path in installed.changed() if not KEPT.match(path)} == set()
    assert "no packages found" in installed.try_to_run("dpkg-query", "--show", "pgsteer").stdout


# A server of this host may have port 5432: the operator says when it starts. What he has enabled stays so.
def test_is_enabled_by_nobody_but_the_operator(installed, package):
    assert installed.try_to_run("systemctl", "is-enabled", "pgsteer").stdout == "disabled\n"
    installed.run("dpkg", "--install", f"/tmp/{package.name}")
    assert installed.try_to_run("systemctl", "is-enabled", "pgsteer").stdout == "disabled\n"
    installed.run("systemctl", "enable", "pgsteer")
    installed.run("dpkg", "--install", f"/tmp/{package.name}")
    assert installed.run("systemctl", "is-enabled", "pgsteer") == "enabled\n"
    installed.run("dpkg", "--purge", "pgsteer")
    assert installed.try_to_run("test", "-L", "/etc/systemd/system/multi-user.target.wants/pgsteer.service").returncode == 1


# A container, or a chroot: no systemd, maybe not even its helpers.
def test_is_removed_where_nothing_of_systemd_is_left(installed):
    installed.run("rm", "-f", "/usr/bin/deb-systemd-helper", "/usr/bin/deb-systemd-invoke", "/bin/systemctl")
    installed.run("dpkg", "--purge", "pgsteer")
    assert installed.try_to_run("test", "-e", "/etc/pgsteer").returncode == 1
