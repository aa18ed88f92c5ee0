"""One unplanned failover, struck and timed; and what its clients saw, judged."""
import contextlib
import random
import time

from harness.cluster import APP_PASSWORD
from harness.proxy import Pgsteer
from harness.wait import wait_until

from . import proxies
from .clients import READ_ONLY, Client, CpuMeter, Oracle, is_commit, reasons

LOGINS_PER_SECOND = 50  # one every 20 ms, whatever became of those before
SETTLE_SECONDS = 1.0
AFTER_SECONDS = 0.5     # watched after the first new login is through
TOGETHER_SECONDS = 1.5  # watched with the old primary back beside the new one
REROUTE_TIMEOUT = 20
VALUES_PER_RUN = 2_000_000
PHASES = ("detect", "prove", "login", "total")


@contextlib.contextmanager
def clients(stage, successor):
    """The new logins, the sessions that stay, and the oracle of the backend that will be promoted."""
    first_value = stage.values(VALUES_PER_RUN)
    options = {"user": "app", "password": APP_PASSWORD, "table": "writes"}
    where = (stage.ip, stage.ports[0])
    with Client(stage.programs, "logins", *where, first_value=first_value, rate=LOGINS_PER_SECOND,
                **options) as logins, \
            Client(stage.programs, "writers", *where, first_value=first_value + VALUES_PER_RUN // 2, sessions=2,
                   **options) as writers, \
            Oracle(stage.programs, successor, first_value) as oracle:
        yield logins, writers, oracle


class Run:
    """Flow: Run(stage, proxy name, fault class).go() -> its record."""

    def __init__(self, stage, proxy_name: str, fault_class):
        self.stage, self.proxy_name = stage, proxy_name
        self.old_index, self.new_index = stage.cluster.primary_index, stage.choose_successor()
        self.old, self.new = stage.cluster.primary, stage.cluster.backends[self.new_index]
        self.fault = fault_class(stage, self.old)
        self.record = {"proxy": proxy_name, "mode": self.fault.name}

    def go(self) -> dict:
        with contextlib.ExitStack() as stack:
            recording = None
            if self.fault.is_recorded:
                recording = stack.enter_context(contextlib.closing(proxies.Recording(self.stage.programs)))
            proxy = stack.enter_context(proxies.start(self.proxy_name, self.stage, recording))
            logins, writers, oracle = stack.enter_context(clients(self.stage, self.new))
            self.fault.prepare()
            self._settle()
            self._fail_over(oracle, logins)
            self._judge(logins.stop(), writers.stop(), recording)
            if isinstance(proxy, Pgsteer):
                self._ask(proxy)
        self.stage.follow_and_rejoin(self.old_index)
        return self.record

    def _settle(self) -> None:
        """The fault must not keep step with anybody's interval."""
        meter = CpuMeter()
        time.sleep(SETTLE_SECONDS + random.random())
        self.record["busy_share"] = meter.busy_share()

    def _fail_over(self, oracle: Oracle, logins: Client) -> None:
        record = self.record
        record["fault_at"] = self.fault.strike()
        record["struck_at"] = time.monotonic()
        time.sleep(self.fault.wait_seconds)
        self.fault.finish()
        record["promote_at"] = time.monotonic()
        self.stage.promote(self.new_index)
        record["oracle"] = oracle.verdict()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self._first_commit(logins.events()), REROUTE_TIMEOUT, "a commit", 0.05)
        time.sleep(AFTER_SECONDS)
        record["reveal_at"] = time.monotonic()
        self.fault.reveal()
        if self.fault.is_recorded:
            time.sleep(TOGETHER_SECONDS)

    def _first_commit(self, logins: list):
        """Of a new connection on the new primary."""
        return min((e["finished"] for e in logins if is_commit(e) and e["address"] == self.new.address), default=None)

    def _judge(self, logins: list, writers: list, recording) -> None:
        record, accepted_at = self.record, self.record["oracle"]["accepted_at"]
        first = self._first_commit(logins)
        record["reroute"] = None if first is None else first - accepted_at
        record["outage"] = None if first is None else first - record["fault_at"]
        record["oracle_error"] = accepted_at - record["oracle"]["refused_at"]
        record["logins"] = len(logins)
        refused = [e for e in logins if not e["logged_in"]]
        record["failed_begun_before"] = reasons([e for e in refused if e["began"] < record["struck_at"]])
        record["failed_begun_after"] = reasons([e for e in refused if e["began"] >= record["struck_at"]])
        record["cut_after_login"] = reasons([e for e in logins if e["logged_in"] and not is_commit(e)])
        wrong = [e["finished"] - record["fault_at"] for e in logins + writers if e.get("sqlstate") == READ_ONLY]
        record["wrong_role"], record["wrong_role_after_fault"] = len(wrong), wrong
        self._judge_commits([e for e in logins if is_commit(e)], [w for w in writers if is_commit(w)])
        if recording:
            self._judge_dials(recording.logins_dialled(self.old.address))

    def _judge_commits(self, logins: list, writes: list) -> None:
        """Stale: acknowledged by the old primary after the new one had accepted a write. Lost: not to be found."""
        record, accepted_at = self.record, self.record["oracle"]["accepted_at"]
        late_logins = [e for e in logins if e["finished"] > accepted_at]
        late_writes = [e for e in writes if e["finished"] > accepted_at]
        record["stale_logins"] = sum(e["address"] == self.old.address for e in late_logins)
        record["stale_writes"] = record["stale_logins"] + sum(e["address"] == self.old.address for e in late_writes)
        record["late_writes"] = len(late_logins) + len(late_writes)
        record["lost_writes"] = len(self.stage.missing_values([e["value"] for e in late_logins + late_writes]))

    def _judge_dials(self, dialled: list) -> None:
        record = self.record
        if not any(at < record["fault_at"] for at in dialled):
            raise RuntimeError("the recorder saw no login dialled before the fault: it proves nothing")
        sent = [at - record["fault_at"] for at in dialled if record["fault_at"] <= at < record["reveal_at"]]
        record["dialled"] = len(sent)
        record["last_dialled"] = max(sent, default=0.0)
        record["dialled_when_back"] = sum(at >= record["reveal_at"] for at in dialled)

    def _ask(self, proxy: Pgsteer) -> None:
        """What pgsteer itself measured and told, to lay beside what its clients saw."""
        metrics = proxy.metrics()
        sums = {phase: f'pgsteer_failover_phase_seconds_sum{{phase="{phase}"}}' for phase in PHASES}
        self.record["phases"] = {phase: metrics[name] for phase, name in sums.items()}
        self.record["log"] = [line for line in proxy.log_text().splitlines() if "session ended" not in line]
        if not any(self.fault.log_words in line for line in self.record["log"]):
            raise RuntimeError(f"pgsteer's log does not say {self.fault.log_words!r}: {self.fault.name} proves nothing")
