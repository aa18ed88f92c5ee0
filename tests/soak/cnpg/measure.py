"""One event, measured: clients on both paths before, during and after it, and everything kept in one folder.

Flow: Measurement(bed, mode, event, folder).run() -> files in folder, see facts.py.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

from events import Event
from harness.processes import CommandFailed
from harness.wait import wait_until
from proxy import RW_PORT, ProxiedBed
from testbed.cnpg import APP, OPERATOR_NAMESPACE

HERE = Path(__file__).resolve().parent
QUIET_SECONDS = 8  # Before the event.
LATE_SECONDS_MAX = 60  # For the clients to end.
TABLE = ("create table if not exists w(k text primary key, at timestamptz default clock_timestamp()); "
         f"alter table w owner to {APP['user']}; truncate w")


class Measurement:
    def __init__(self, bed: ProxiedBed, mode: str, event: Event, folder: Path):
        self.bed, self.mode, self.event, self.folder = bed, mode, event, folder
        self._errors = folder / "errors"

    def run(self) -> None:
        cnpg, proxy = self.bed.cnpg, self.bed.proxy
        self.folder.mkdir(parents=True)
        cnpg.heal(self.folder)
        proxy.wait_all(standbys=2)
        primary = cnpg.primary()
        cnpg.psql(primary, APP["dbname"], TABLE)
        log_start = proxy.log_bytes()
        seconds = QUIET_SECONDS + self.event.seconds
        programs = [self._start("observe.py", self.bed.server.port, self.bed.folder / "api", seconds + 2,
                                self.folder / "changes"),
                    self._start("load.py", "pgsteer", "127.0.0.1", RW_PORT, seconds, self.folder / "tries-pgsteer"),
                    self._start("load.py", "rw", cnpg.service_address(), 5432, seconds, self.folder / "tries-rw")]
        time.sleep(QUIET_SECONDS)
        began = time.time()
        self.event.happens(self.bed, primary)
        facts = {"event": self.event.word, "mode": self.mode, "primary": primary, "began": began,
                 "command_ended": time.time(), "deletes_pod": self.event.deletes_pod}
        for program in programs:
            if program.wait(seconds + LATE_SECONDS_MAX) != 0:
                raise CommandFailed(f"{program.args[2]} ended with {program.returncode}:\n{self._errors.read_text()}")
        (self.folder / "log-pgsteer").write_text(proxy.log_since(log_start))
        (self.folder / "metrics").write_text(proxy.get("/metrics"))
        facts["destroyed"] = cnpg.heal(self.folder)
        rows = wait_until(lambda: cnpg.psql(cnpg.primary(), APP["dbname"], "select k from w"), what="the rows")
        (self.folder / "rows").write_text(rows)
        self._keep_logs(int(time.time() - began) + QUIET_SECONDS)
        (self.folder / "event").write_text(json.dumps(facts))

    def _start(self, program: str, *words) -> subprocess.Popen:
        with open(self._errors, "ab") as errors:
            return subprocess.Popen([sys.executable, "-B", *(str(word) for word in (HERE / program, *words))],
                                    stdin=subprocess.DEVNULL, stderr=errors)

    def _keep_logs(self, seconds: int) -> None:
        targets = [(pod["metadata"]["name"], {}) for pod in self.bed.cnpg.pods()]
        targets.append(("deployment/cnpg-controller-manager", {"namespace": OPERATOR_NAMESPACE}))
        for target, where in targets:
            text = self.bed.cnpg.log_of(target, since_seconds=seconds, **where)
            (self.folder / f"log-{target.rpartition('/')[2]}").write_text(text)


__all__ = ["Measurement"]
