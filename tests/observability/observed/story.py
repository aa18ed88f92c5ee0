"""A cluster of three, a pgsteer before it with traffic, and a Prometheus that watches it through a failover.

The same pgsteer is scraped twice: as on a plain host, and as a pod is in Kubernetes, with its labels.
"""
import contextlib
import time
from pathlib import Path

from harness.cluster import PgCluster
from harness.logins import PendingLogin, addresses_of
from harness.proxy import Pgsteer, patient
from harness.wait import wait_until

from .prometheus import Prometheus
from .traffic import Traffic

PLAIN_JOB = "pgsteer"
POD = {"namespace": "db", "pod": "pgsteer-0"}
HELD_LOGINS = 5
WINDOW_SECONDS = 2


def in_zones(cluster, zones: tuple) -> str:
    listed = ", ".join(f'{{ address: "{b.address}", zone: {zone} }}' for b, zone in zip(cluster.backends, zones))
    return f"static: [{listed}]"


class Story:
    def __init__(self, binary: Path, folder: Path, **prometheus_options):
        """prometheus_options: for Prometheus()."""
        self.binary = binary
        self.folder = folder
        self.prometheus_options = prometheus_options
        self.begin = self.end = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        enter = self._stack.enter_context
        with self._stack:
            self.cluster = enter(PgCluster())
            self.proxy = enter(Pgsteer(self.cluster, self.binary, source=in_zones(self.cluster, ("east", "east", "west")),
                                       **patient(cluster_keys={"zone": "east"})))
            address = f"127.0.0.1:{self.proxy.admin_port}"
            self.jobs = {PLAIN_JOB: (address, {}), "db/pgsteer": (address, POD)}
            self.prometheus = enter(Prometheus(self.folder, self.jobs, **self.prometheus_options))
            self.wait_scraped("count(up == 1)", len(self.jobs), "every job")
            self.begin = time.time()
            self.traffic = enter(Traffic(self.cluster, self.proxy))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *unused) -> None:
        self._stack.close()

    def fail_over(self) -> None:
        """kill -9 of the primary; logins wait; a standby is promoted; clients work again."""
        self.wait_scraped(f"min(pgsteer_login_seconds_count{{{self.plain}}})", 1, "logins on both listeners")
        old = self.cluster.primary
        old.kill9()
        logins = [PendingLogin(self.cluster.conninfo(self.proxy.rw_port)) for _ in range(HELD_LOGINS)]
        self.wait_scraped(f"sum(pgsteer_logins_held{{{self.plain}}})", HELD_LOGINS, "held logins")
        self.cluster.promote(next(i for i, backend in enumerate(self.cluster.backends) if backend is not old))
        assert addresses_of(logins) == {self.cluster.primary.address}
        self.wait_scraped(f'pgsteer_failover_phase_seconds_count{{{self.plain}, phase="total"}}', 1, "a change of primary")
        # Whoever looks into it does not want it used as soon as it is back.
        done = self.proxy.command("backend", "disable", old.address, "--for", "1h")
        assert done.returncode == 0, done.stderr
        self.wait_scraped(f"sum(pgsteer_backend_order{{{self.plain}}})", 1, "the operator's order")
        answered = self.traffic.writers_answers()
        wait_until(lambda: self.traffic.writers_answers() > answered, what="writers on the new primary")
        # So that every window over the change of primary is in what is shown.
        changed_at = time.time()
        self.end = wait_until(lambda: self._scraped_after(changed_at + WINDOW_SECONDS), what="what came next to be scraped")

    def _scraped_after(self, moment: float) -> float:
        """When the latest scrape was, by which every job had something to tell; 0 if that was before."""
        found = [at for _, at in self.prometheus.series("timestamp(pgsteer_build_info)")]
        return max(found) if len(found) == len(self.jobs) and min(found) > moment else 0

    @property
    def plain(self) -> str:
        return f'job="{PLAIN_JOB}"'

    def wait_scraped(self, expression: str, least: float, what: str) -> None:
        """Until Prometheus has at least this much."""
        self.prometheus.wait_value(expression, lambda value: value >= least, f"Prometheus to see {what}")


__all__ = ["POD", "Story", "WINDOW_SECONDS"]
