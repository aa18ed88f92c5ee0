"""The image by itself: what is in it, and how the program is as the first process of a container."""
import json
import re
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness.processes import die_with_parent, run
from harness.wait import PATIENCE, wait_until
from testbed.release import IMAGE

SIZE_MAX = 30_000_000  # Of all files, in bytes: README says 27 MB.
PROGRAM = "/usr/bin/pgsteer"
ADMIN_PORT = 19464
RUNNING = "pgsteer-running"  # The container.
# No backend is there: all of it is about the process.
CONFIG = f"""
cluster:
  backends: {{ static: ["127.0.0.1:9"] }}
  state_dir: /var/lib/pgsteer
listeners: [{{ name: rw, bind: "127.0.0.1:19432", route: primary, hold_timeout: 10s }}]
admin: {{ bind: "127.0.0.1:{ADMIN_PORT}" }}
"""


@pytest.fixture
def files(archive, tmp_path) -> Path:
    """What is in the image, as a folder."""
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "archive")
    manifest = json.loads((tmp_path / "archive" / "manifest.json").read_text())
    root = tmp_path / "root"
    root.mkdir()
    for layer in manifest[0]["Layers"]:
        with tarfile.open(tmp_path / "archive" / layer) as packed:
            packed.extractall(root)
    return root


def test_has_no_more_than_the_program_and_its_libraries(files):
    found = [path for path in files.rglob("*") if path.is_file() and not path.is_symlink()]
    programs = [path for path in found if path.stat().st_mode & 0o111 and ".so" not in path.name]
    assert [str(path.relative_to(files)) for path in programs] == ["usr/bin/pgsteer"]
    size = sum(path.stat().st_size for path in found)
    print(f"{size / 1e6:.1f} MB")
    assert size <= SIZE_MAX


# A scanner takes the version of a library's package from there; a library without would pass it unseen.
def test_every_library_belongs_to_a_package_that_is_noted_with_its_licence(files):
    notes = {path.name: path.read_text() for path in (files / "var/lib/dpkg/status.d").iterdir()}
    for name, text in notes.items():
        assert re.search(rf"^Package: {re.escape(name)}$", text, re.MULTILINE)
        assert re.search(r"^Version: \d", text, re.MULTILINE)
    libraries = [path for path in files.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    assert libraries
    # This machine has them too, from the same packages.
    patterns = {library: f"*/{library.parent.name}/{library.name}" for library in libraries}
    owners = [line.partition(": ") for line in run(["dpkg-query", "--search", *patterns.values()]).splitlines()]
    for library, pattern in patterns.items():
        packages = {owner.partition(":")[0] for owner, _, path in owners if path.endswith(pattern[1:])}
        assert packages & set(notes), f"{library.name} is of {packages}"
    for name in set(notes) - {"base-files"}:
        assert (files / "usr/share/doc" / name / "copyright").is_file(), name


def in_container(bed, name: str, *words, options: tuple = ()) -> list:
    """A command line; the user is the image's own."""
    return bed.machine.ctr("run", "--rm", "--read-only", "--net-host", *options, IMAGE, name, *words)


@pytest.fixture
def options(tmp_path) -> tuple:
    """Of a container: the configuration and a folder for its state."""
    config = tmp_path / "pgsteer.yaml"
    config.write_text(CONFIG)
    config.chmod(0o644)
    return ("--mount", f"type=bind,src={config},dst=/etc/pgsteer/pgsteer.yaml,options=rbind:ro",
            "--mount", "type=tmpfs,dst=/var/lib/pgsteer,options=uid=65532:gid=65532")


def test_says_its_version_and_checks_a_configuration(bed, options):
    assert re.fullmatch(r"pgsteer \d+\.\d+\.\d+\n", run(in_container(bed, "version", PROGRAM, "--version")))
    run(in_container(bed, "check", PROGRAM, "check", "--config=/etc/pgsteer/pgsteer.yaml", options=options))


@pytest.fixture
def running(bed, options, tmp_path):
    """pgsteer in a container, once it has probed; (ctr's process, the log's file)."""
    log = tmp_path / "log"
    words = in_container(bed, RUNNING, PROGRAM, "run", "--config=/etc/pgsteer/pgsteer.yaml", options=options)
    with open(log, "wb") as out:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
                                   preexec_fn=die_with_parent(signal.SIGKILL))
    wait_until(lambda: process.poll() is not None or "probe outcome changed" in log.read_text(), what="the first probe")
    yield process, log
    if process.poll() is None:
        run(bed.machine.ctr("tasks", "kill", "--signal", "SIGKILL", RUNNING))
        process.wait(PATIENCE)


# The kernel gives the first process no signal that it has not asked for, and leaves it every orphan.
def test_sigterm_ends_the_first_process_of_a_container_which_has_no_other(bed, running):
    process, log = running
    assert process.poll() is None, log.read_text()
    pids = [int(line.split()[0]) for line in run(bed.machine.ctr("tasks", "ps", RUNNING)).splitlines()[1:]]
    status = Path(f"/proc/{pids[0]}/status").read_text()
    assert len(pids) == 1, pids
    assert re.search(r"^NSpid:.*\t1$", status, re.MULTILINE), status
    assert re.search(r"^Uid:\t65532\t65532\t65532\t65532$", status, re.MULTILINE), status
    run(bed.machine.ctr("tasks", "kill", "--signal", "SIGTERM", RUNNING))
    assert process.wait(PATIENCE) == 0, log.read_text()
    assert "pgsteer stopped" in log.read_text()
