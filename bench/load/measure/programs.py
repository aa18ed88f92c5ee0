"""The compiled parts of the bench as processes: the fake backend, and the client with what it printed."""
import json
import signal
import subprocess
import threading
import time
from pathlib import Path

from harness import processes

from . import meter

LISTEN_PORT = 6000  # Below the namespaces' range for outgoing connections.
# Longer than any run: a proxy that moves nothing any more must not hold up the rest.
CLIENT_SECONDS_MAX = 180
USER = "load"  # Of load_client and of pgbench; logs in by trust everywhere.


class LoadFailed(RuntimeError):
    """The client could not do what it was to do; its words."""


def start(host, words: list, **options) -> subprocess.Popen:
    return subprocess.Popen(host.command(words), preexec_fn=processes.die_with_parent(signal.SIGKILL), **options)


def stop(process: subprocess.Popen) -> None:
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()


class FakeBackend:
    """Flow: with FakeBackend(...) as backend -> backend.address, backend.pid."""

    def __init__(self, folder: Path, hosts, port: int):
        self.program, self.hosts, self.port = folder / "load_backend", hosts, port
        self.address = f"{hosts.backend.address}:{port}"
        self.process = None

    def __enter__(self):
        self.process = start(self.hosts.backend, [self.program, self.hosts.backend.address, self.port],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if not self.process.stdout.readline():
            raise RuntimeError("the fake backend did not start")
        return self

    def __exit__(self, *unused) -> None:
        stop(self.process)

    @property
    def pid(self) -> int:
        return self.process.pid

    def try_command(self, ip: str, port: int) -> list:
        """One session with one query."""
        return self.hosts.client.command([self.program.with_name("load_client"), "--ip", ip, "--port", port,
                                          "--small", 1, "--seconds", 0, "--warmup", 0])


class LoadClient:
    """Flow: with LoadClient(...) as client -> until("ready") -> go() -> until("began") -> until("ended")."""

    def __init__(self, folder: Path, hosts, ip: str, port: int, **arguments):
        """arguments: the program's, e.g. small=64, seconds=3."""
        words = [folder / "load_client", "--ip", ip, "--port", port]
        for name, value in arguments.items():
            words += [f"--{name.replace('_', '-')}", value]
        self.process = start(hosts.client, words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        self.watchdog = threading.Timer(CLIENT_SECONDS_MAX, self.process.kill)
        self.watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        self.watchdog.cancel()
        stop(self.process)

    @property
    def pid(self) -> int:
        return self.process.pid

    def until(self, word: str) -> dict:
        line = self.process.stdout.readline()
        event = json.loads(line) if line else {}
        if word not in event:
            stop(self.process)
            raise LoadFailed(self.process.stderr.read().strip() or f"{line!r} instead of {word}")
        return event

    def go(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()


class CpuShares:
    """What each process has used since this was made, and what was left of the cores for everything else."""

    def __init__(self, pids: dict, cores: list):
        self.pids, self.cores = {name: pid for name, pid in pids.items() if pid}, cores
        self.before = self._read()

    def _read(self) -> tuple:
        each = {name: meter.cpu_seconds(pid) for name, pid in self.pids.items()}
        return time.monotonic(), meter.busy_seconds(self.cores), each

    def taken(self) -> dict:
        (began, busy_before, before), (now, busy, after) = self.before, self._read()
        own = {name: after[name] - before[name] for name in after}
        others = max(0.0, busy - busy_before - sum(own.values()))
        return {f"{name}_cpu_seconds": seconds for name, seconds in own.items()} | {
            "others_share": others / ((now - began) * len(self.cores))}
