"""What pgsteer aims at, beside what was measured of it."""
from dataclasses import dataclass

from reporting.figures import markdown

from .table import figure, groups, median

EPOLL, URING = "pgsteer-epoll", "pgsteer-io_uring"
ENGINES = (EPOLL, URING)
WORDS = {"rate": "round trips/s", "cpu_us_each": "CPU per round trip", "p50_us": "p50", "p99_us": "p99",
         "bulk_gbit": "throughput", "cpu_s_per_gb": "CPU per GB",
         "memory_each": "bytes of user memory per session",
         "stalled_memory_each": "bytes of user memory per stalled session"}
AT_LEAST, AT_MOST = "≥", "≤"


@dataclass(frozen=True)
class Aim:
    """own's median of key is at least or at most bound times that of other: a proxy's name, or "proxy@case"."""
    placement: str
    load: str
    case: str
    own: str
    key: str
    sign: str
    bound: float
    other: str = "haproxy"  # empty: bound is a value of its own

    def words(self) -> str:
        against = f"{self.bound:.2f} × {self.other.replace('@', ', ')}" if self.other else f"{self.bound:,.0f}"
        name = WORDS[self.key] if self.load in "acdfg" else {"rate": "rate"}.get(self.key, WORDS[self.key])
        return f"{self.placement}, {self.case}, {self.own}: {name} {self.sign} {against}"

    def measured(self, runs: list):
        cases = groups(runs, self.load, self.placement)
        other, _, other_case = self.other.partition("@")
        runs_of_own = cases.get(self.case, {}).get(self.own, [])
        own = median(runs_of_own, self.key)
        if runs_of_own and own is None:
            return 0.0 if self.sign == AT_LEAST else float("inf")  # Not one round trip, or every run failed.
        base = median(cases.get(other_case or self.case, {}).get(other, []), self.key) if other else 1
        return own / base if own is not None and base else None

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sign == AT_LEAST else value <= self.bound


def _one_core() -> list:
    found = []
    for case, own, rate, cpu in (("64 sessions", URING, 1.40, 0.58), ("64 sessions", EPOLL, 1.15, 0.78),
                                 ("512 sessions", URING, 1.45, 0.50), ("512 sessions", EPOLL, 1.30, 0.70)):
        found += [Aim("one-core", "a", case, own, "rate", AT_LEAST, rate),
                  Aim("one-core", "a", case, own, "cpu_us_each", AT_MOST, cpu)]
    for own in ENGINES:
        found += [Aim("one-core", "a", "1 session", own, "p50_us", AT_MOST, 0.80),
                  Aim("one-core", "a", "1 session", own, "cpu_us_each", AT_MOST, 0.70)]
        found += [Aim("one-core", "a", case, f"{own}-spin", "rate", AT_LEAST, 0.97, f"{own}-nospin")
                  for case in ("64 sessions", "512 sessions")]
    return found


def _two_cores() -> list:
    found = [Aim("two-cores", "a", "64 sessions", URING, "rate", AT_LEAST, 1.12),
             Aim("two-cores", "a", "64 sessions", EPOLL, "rate", AT_LEAST, 1.0)]
    for own in ENGINES:
        found += [Aim("two-cores", "a", "512 sessions", own, "rate", AT_LEAST, 1.35),
                  Aim("two-cores", "a", "1 session", f"{own}-spin", "p50_us", AT_MOST, 0.55),
                  Aim("two-cores", "a", "1 session", f"{own}-spin", "p50_us", AT_MOST, 1.0, "haproxy-busy")]
        found += [Aim("two-workers", "a", case, own, "rate", AT_LEAST, 1.0) for case in ("64 sessions", "512 sessions")]
    return found


def _others(placement: str, own: str) -> list:
    found = []
    for case in ("out", "in"):
        found += [Aim(placement, "c", case, own, "bulk_gbit", AT_LEAST, 1.0, "haproxy-splice"),
                  Aim(placement, "c", case, own, "cpu_s_per_gb", AT_MOST, 1.0, "haproxy-splice")]
    return found + [
        Aim(placement, "d", "32 small, 2 bulk", own, "p99_us", AT_MOST, 0.8),
        Aim(placement, "b", "pgbench -S, 32 clients", own, "rate", AT_LEAST, 0.80, "direct"),
        Aim(placement, "b", "pgbench -S, 32 clients", own, "rate", AT_LEAST, 1.10),
        Aim(placement, "e", "logins", own, "rate", AT_LEAST, 1.0),
        Aim(placement, "f", "9000 idle", own, "memory_each", AT_MOST, 1024, ""),
        Aim(placement, "f", "9000 idle", own, "p50_us", AT_MOST, 1.1, f"{own}@0 idle"),
        Aim(placement, "g", "200 stalled", own, "stalled_memory_each", AT_MOST, 128 * 1024, ""),
        Aim(placement, "g", "200 stalled", own, "p99_us", AT_MOST, 1.2, f"{own}@0 stalled")]


AIMS = [*_one_core(), *_two_cores(),
        *(aim for placement in ("one-core", "two-cores") for own in ENGINES for aim in _others(placement, own))]


def table(runs: list) -> str:
    """A row for each aim that was measured; empty if none was."""
    rows = []
    for aim in AIMS:
        value = aim.measured(runs)
        if value is not None:
            rows.append([aim.words(), f"{value:.2f}" if aim.other or value == float("inf") else figure(value),
                         "met" if aim.is_met(value) else "**missed**"])
    return markdown(["pgsteer's aim", "measured", ""], rows) if rows else ""
