"""The timed clients (clients/failover_clients.cpp) as processes, and what they printed."""
import json
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from harness import processes
from harness.wait import wait_until


READ_ONLY = "25006"


class Programs:
    """Where the compiled parts of the bench are."""

    def __init__(self, folder: Path, pgsteer: Path):
        self.clients = folder / "failover_clients"
        self.fakes = folder / "failover_fakes"
        self.recorder = folder / "libfailover_recorder.so"
        self.pgsteer = pgsteer


class Client:
    """One running role. Flow: with Client(...) as client -> events() while it runs -> stop(), wait() or take()."""

    def __init__(self, programs: Programs, role: str, ip: str, port: int, user: str, **options):
        """options: the program's arguments, e.g. table="writes", first_value=1, at_once=500."""
        arguments = {"ip": ip, "port": port, "user": user, "database": "appdb", **options}
        words = [programs.clients, role]
        for name, value in arguments.items():
            words += [f"--{name.replace('_', '-')}", value]
        with tempfile.NamedTemporaryFile(prefix=f"failover-{role}-", suffix=".jsonl", delete=False) as out:
            self.path = Path(out.name)
            self.process = subprocess.Popen([str(word) for word in words], stdout=out,
                                            preexec_fn=processes.die_with_parent(signal.SIGKILL))

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        self.destroy()

    def destroy(self) -> None:
        """Whatever became of the measurement."""
        if self.is_running():
            self.process.kill()
            self.process.wait()
        self.path.unlink(missing_ok=True)

    def events(self) -> list:
        """Of the complete lines so far."""
        text = self.path.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait(self, timeout: float) -> list:
        """Until it ends by itself."""
        self.process.wait(timeout)
        return self.take()

    def stop(self, timeout: float = 40) -> list:
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def take(self) -> list:
        """The events, for the last time."""
        events = self.events()
        self.path.unlink()
        return events


class Oracle(Client):
    """Writes every millisecond to a standby until it is one no more."""

    def __init__(self, programs: Programs, backend, first_value: int):
        super().__init__(programs, "oracle", backend.ip, backend.port, "oracle", table="oracle_writes",
                         first_value=first_value)
        self.backend = backend
        try:
            wait_until(lambda: any("ready" in event for event in self.events()), what="the oracle's login")
        except TimeoutError:
            self.destroy()
            raise

    def verdict(self, timeout: float = 60) -> dict:
        """refused_at, accepted_at and more, once a write was accepted."""
        last = self.wait(timeout)[-1]
        if "accepted_at" not in last or last["address"] != self.backend.address:
            raise RuntimeError(f"the oracle of {self.backend.address} failed: {last}")
        return last


def is_commit(event: dict) -> bool:
    """The write of a login or of a session that stays was acknowledged."""
    return bool(event.get("address")) and not event["sqlstate"] and not event.get("error")


def reasons(logins: list) -> dict:
    """How many logins ended where and why."""
    counts = {}
    for event in logins:
        reason = f"{event['phase']}: {event['sqlstate']} {event['error']}"
        counts[reason] = counts.get(reason, 0) + 1
    return counts


class CpuMeter:
    """The busy share of all processors since it was made."""

    def __init__(self):
        self.started = self._read()

    @staticmethod
    def _read() -> tuple:
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        idle = fields[3] + fields[4]
        return sum(fields), idle

    def busy_share(self) -> float:
        total, idle = (now - then for now, then in zip(self._read(), self.started))
        return 1 - idle / total if total else 0.0


def busy_share_during(seconds: float) -> float:
    meter = CpuMeter()
    time.sleep(seconds)
    return meter.busy_share()
