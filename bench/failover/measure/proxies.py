"""The proxies that are measured, by name: pgsteer, haproxy, haproxy@INTER (the same recipe with another interval)."""
import json
import subprocess
import tempfile
from pathlib import Path

from harness.proxy import Pgsteer

from .clients import Programs
from .haproxy import Haproxy

HAPROXY_INTER = "100ms"


class Recording:
    """Who dialled whom, from a proxy that has the recorder loaded."""

    def __init__(self, programs: Programs):
        self.folder = tempfile.TemporaryDirectory(prefix="failover-connects-")
        self.path = Path(self.folder.name) / "connects.jsonl"
        self.recorder = programs.recorder

    def wrapped(self, program: Path) -> Path:
        """A program that is this one with the recorder loaded."""
        wrapper = Path(self.folder.name) / program.name
        wrapper.write_text(f"#!/bin/sh\nLD_PRELOAD='{self.recorder}' PGSTEER_BENCH_CONNECTS='{self.path}' "
                           f"exec '{program}' \"$@\"\n")
        wrapper.chmod(0o755)
        return wrapper

    def logins_dialled(self, address: str) -> list:
        """When the proxy dialled this backend for a client; dials of probes and checks are left out."""
        text = self.path.read_text() if self.path.exists() else ""
        events = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [event["at"] for event in events
                if f"{event['ip']}:{event['port']}" == address and not event["caller"].startswith("libpq")]

    def close(self) -> None:
        self.folder.cleanup()


def of_stage(names: list, stage_class) -> list:
    """Those of these proxies that can be in front of such a stage."""
    return [name for name in names if name.partition("@")[0] in stage_class.families]


def start(name: str, stage, recording: Recording = None):
    """The proxy in front of the stage's cluster, not yet entered."""
    if name == "pgsteer":
        program = stage.programs.pgsteer
        # The bench stops it with sessions open, again and again; waiting for them is no part of a failover.
        return Pgsteer(stage.cluster, recording.wrapped(program) if recording else program, ports=stage.ports,
                       host=stage.proxy_host, source=stage.source, extra="drain_timeout: 0s\n")
    family, _, inter = name.partition("@")
    if family != "haproxy":
        raise ValueError(f"no such proxy: {name}")
    preload = {"preload": recording.recorder, "connects": recording.path} if recording else {}
    return Haproxy(stage.cluster, stage.ports, inter or HAPROXY_INTER, host=stage.proxy_host, **preload)


def versions(programs: Programs) -> dict:
    def first_line(*command) -> str:
        return subprocess.run([str(word) for word in command], text=True, capture_output=True,
                              check=True).stdout.splitlines()[0]

    return {"pgsteer": first_line(programs.pgsteer, "--version"), "haproxy": first_line("haproxy", "-v"),
            "postgresql": first_line("/usr/lib/postgresql/15/bin/postgres", "--version")}
