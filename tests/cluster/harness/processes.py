"""Processes: started as the right user, found by parent, killed for certain, reaped even where pid 1 does not.

PostgreSQL refuses to run as root, so root starts its commands as user postgres.
"""
import ctypes
import errno
import functools
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWIPC = 0x08000000  # unshare(2)
_libc = ctypes.CDLL(None, use_errno=True)

AS_POSTGRES = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


class CommandFailed(RuntimeError):
    pass


def adopt_orphans() -> None:
    """Children of a killed postmaster become ours and can be reaped; nobody else may do it in a container."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@functools.cache
def own_shared_memory() -> None:
    """What a PostgreSQL killed by SIGKILL leaves of System V shared memory goes with the last process started here.

    It leaves one segment of the kernel's 4,096 (SHMMNI) each time its data are removed too. Call it before any thread is
    started: the namespace is this thread's and its children's. Without the privilege the segments stay.
    """
    if _libc.unshare(CLONE_NEWIPC) != 0 and ctypes.get_errno() != errno.EPERM:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")


def die_with_parent(signal_number: int):
    """For preexec_fn: no process outlives a test run that was itself killed."""
    return lambda: _libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def give_to_postgres(path: Path) -> None:
    if AS_POSTGRES:
        shutil.chown(path, "postgres", "postgres")


def run(command: list, timeout: float = 300, as_postgres: bool = False, **options) -> str:
    """Standard output of a command; CommandFailed with its words if it fails."""
    who = AS_POSTGRES if as_postgres else {}
    words = [str(word) for word in command]
    done = subprocess.run(words, text=True, capture_output=True, timeout=timeout, cwd="/", check=False, **who,
                          **options)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _stat_fields(pid: int) -> list:
    try:
        # The name in parentheses may hold spaces; the fields after it are state and parent.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """False for a zombie too."""
    fields = _stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def children_of(parent: int) -> list:
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if (fields := _stat_fields(pid)) and int(fields[1]) == parent]


def send(pids: list, signal_number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            pass


def wait_gone(pids: list, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    for pid in pids:
        while is_alive(pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {pid} is still alive after {timeout} s")
            time.sleep(0.005)
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def kill_group_of(parent: int, postmaster: subprocess.Popen) -> None:
    """SIGKILL of a postmaster and of every child it has, as a machine that loses power."""
    family = children_of(parent)
    send([parent], signal.SIGKILL)
    send(family, signal.SIGKILL)
    send([parent] + family, signal.SIGCONT)  # A stopped process dies of SIGKILL all the same; this is for zombies' sake.
    postmaster.wait(60)
    wait_gone(family)


class Orphan:
    """A process that became ours when its parent ended (adopt_orphans()), with what subprocess.Popen has."""

    ENDED_SOMEHOW = -255

    def __init__(self, pid: int):
        self.pid = pid
        self.returncode = None

    def poll(self):
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            except ChildProcessError:  # its parent lives, or has seen its end
                self.returncode = None if is_alive(self.pid) else self.ENDED_SOMEHOW
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} is still alive after {timeout} s")
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, signal_number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal_number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
