"""Namespaces for the whole bed: network, mounts and processes of its own, all gone when its first process ends.

The kernel does the clearing up: when the first process of a pid namespace ends, for whatever reason, every other one in
it is killed, and with the last of them go the network and the mounts. What the kernel does not know to be ours, cgroups
and mount points that had to be made, is removed by run_enclosed(); after a kill -9 of that, by the next one.

Flow: run_enclosed(folder, body) -> body() runs inside, as a process of its own; its exit status. On SIGTERM or SIGINT
SystemExit is raised in body. Needs root.
"""
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from harness import processes
from harness.processes import run

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000  # unshare(2)
PREFIX = "pgsteer-cnpg-"
# Folders that Kubernetes' programs write to whatever they are told; inside they are empty, and in memory.
ALWAYS_THERE = [Path("/run"), Path("/var/log")]
SCRATCH = ALWAYS_THERE + [Path("/var/lib/cni"), Path("/var/lib/kubelet"), Path("/var/lib/containerd"),
                          Path("/opt/containerd")]
# A kubelet sets these to its liking, for the machine as a whole. Inside they are copies that it may write to.
COPIED = ["/proc/sys/kernel/panic", "/proc/sys/kernel/panic_on_oops", "/proc/sys/kernel/keys/root_maxbytes",
          "/proc/sys/kernel/keys/root_maxkeys", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/panic_on_oom"]
PODS_WEIGHT = 8
BROKEN_OFF = 3  # The exit status where body() raised an exception.
PID_FILE = "pid"  # The file in the folder that names the process whose namespaces these are.

_libc = ctypes.CDLL(None, use_errno=True)


def cgroup_name() -> str:
    """The cgroup of this enclosure's containers, named by the process that will remove it. Inside too."""
    return f"{PREFIX}{os.environ['PGSTEER_ENCLOSURE']}"


def run_enclosed(folder: Path, body) -> int:
    """body() inside; its exit status is what it returns. folder/pid names a process to enter by while it runs."""
    remove_what_the_dead_left()
    os.environ["PGSTEER_ENCLOSURE"] = str(os.getpid())
    for path in SCRATCH:
        path.mkdir(parents=True, exist_ok=True)
    _make_cgroups()
    _unshare(CLONE_NEWPID)  # Of what is forked from here on.
    sys.stdout.flush()
    first = os.fork()
    if first == 0:
        _be_first(body)
    pid_file = folder / PID_FILE
    pid_file.write_text(str(first))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *unused: processes.send([first], signal.SIGTERM))
    try:
        return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    finally:
        pid_file.unlink(missing_ok=True)
        _remove_cgroups(cgroup_name())
        _remove_mount_points()


def command_inside(first_pid: int) -> list:
    """Before a command's own words, for use from outside."""
    return ["nsenter", "--target", str(first_pid), "--mount", "--net", "--pid", "--"]


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}; the bed needs root and namespaces")


def _be_first(body) -> None:
    """The life of the first process: it passes signals on, buries orphans, and ends with the one that does the work."""
    status = BROKEN_OFF
    try:
        processes.die_with_parent(signal.SIGKILL)()
        _unshare(CLONE_NEWNS | CLONE_NEWNET)
        _mount_inside()
        worker = os.fork()
        if worker == 0:
            _work(body)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # A terminal tells everybody; what counts is what comes by SIGTERM.
        signal.signal(signal.SIGTERM, lambda *unused: processes.send([worker], signal.SIGTERM))
        pid = 0
        while pid != worker:
            pid, ended = os.wait()
        status = os.waitstatus_to_exitcode(ended) % 256
        thaw(cgroup_name())  # A frozen process cannot be killed, under cgroup v1.
    except BaseException as error:  # pylint: disable=broad-except
        print(f"testbed: {error}", file=sys.stderr, flush=True)
    os._exit(status)


def _work(body) -> None:
    status = BROKEN_OFF
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *unused: sys.exit(128 + signal.SIGTERM))
        status = body()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else BROKEN_OFF
    except BaseException:  # pylint: disable=broad-except
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _mount_inside() -> None:
    run(["mount", "--make-rprivate", "/"])
    run(["mount", "-t", "proc", "proc", "/proc"])
    for path in SCRATCH:
        run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path])
    for number, original in enumerate(map(Path, COPIED)):
        copy = Path(f"/run/sysctl.{number}")
        copy.write_text(original.read_text())
        run(["mount", "--bind", copy, original])
    run(["mount", "--make-rshared", "/"])  # As Kubernetes expects it; nobody outside shares it.


def _hierarchies() -> list:
    """Where cgroups are: one place with version 2, one a controller with version 1."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def _make_cgroups() -> None:
    """All pods together count as much as several of the machine's own processes, and not as one."""
    for hierarchy in _hierarchies():
        folder = hierarchy / cgroup_name()
        folder.mkdir()
        for file_name, usual in (("cpu.shares", 1024), ("cpu.weight", 100)):
            if (folder / file_name).exists():
                (folder / file_name).write_text(str(usual * PODS_WEIGHT))


def _folders_below(name: str) -> list:
    """Of that cgroup in every hierarchy, inner ones first."""
    found = []
    for top in (hierarchy / name for hierarchy in _hierarchies()):
        found += [Path(path) for path, _, _ in os.walk(top, topdown=False)]
    return found


def thaw(name: str) -> None:
    for folder in _folders_below(name)[::-1]:
        for file_name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if (folder / file_name).exists():
                (folder / file_name).write_text(word)


def _remove_cgroups(name: str) -> None:
    thaw(name)
    deadline = time.monotonic() + 10
    for folder in _folders_below(name):
        while folder.exists():
            try:
                folder.rmdir()
            except OSError:  # Its last process is not quite gone.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _owners() -> dict:
    """{cgroup: whether the process that will remove it lives}."""
    names = {path.name for hierarchy in _hierarchies() for path in hierarchy.glob(f"{PREFIX}*")}
    owners = {name: name.removeprefix(PREFIX) for name in names}
    return {name: processes.is_alive(int(owner)) for name, owner in owners.items() if owner.isdigit()}


def _remove_mount_points() -> None:
    """Those that are empty. Not while another enclosure has its mounts there: the kernel would end them."""
    if any(_owners().values()):
        return
    for path in SCRATCH:
        if path not in ALWAYS_THERE and path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def remove_what_the_dead_left() -> None:
    """Of a run_enclosed() that was killed itself: cgroups, and empty folders for mounts."""
    dead = [name for name, lives in _owners().items() if not lives]
    for name in dead:
        _remove_cgroups(name)
    if dead:
        _remove_mount_points()


__all__ = ["PID_FILE", "cgroup_name", "command_inside", "remove_what_the_dead_left", "run_enclosed", "thaw"]
