"""What pgsteer aims at, beside what was measured of it."""
from dataclasses import dataclass

from reporting.figures import markdown

from .table import figure, groups, limit, median

EPOLL, URING = "pgsteer-epoll", "pgsteer-io_uring"
ENGINES = (EPOLL, URING)
WORDS = {"rate": "round trips/s", "cpu_us_each": "CPU per round trip", "p50_us": "p50", "p99_us": "p99",
         "bulk_gbit": "throughput", "cpu_s_per_gb": "CPU per GB",
         "memory_each": "bytes of user memory per session",
         "stalled_memory_each": "bytes of user memory per stalled session"}
AT_LEAST, AT_MOST = "≥", "≤"
LIMIT = "the limit"


@dataclass(frozen=True)
class Aim:
    """own's median of key is at least or at most bound times that of other: a proxy's name, "proxy@case", or LIMIT."""
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
        if self.other == LIMIT:
            base = limit(cases.get(self.case, {}), self.key)
        else:
            base = median(cases.get(other_case or self.case, {}).get(other, []), self.key) if other else 1
        return own / base if own is not None and base else None

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sign == AT_LEAST else value <= self.bound


def _one_core() -> list:
    found = []
    for case in ("64 sessions", "512 sessions"):
        for own, share, cpu in ((URING, 0.95, 0.75), (EPOLL, 0.80, 0.85)):
            found += [Aim("one-core", "a", case, own, "rate", AT_LEAST, share, LIMIT),
                      Aim("one-core", "a", case, own, "rate", AT_LEAST, 1.0),
                      Aim("one-core", "a", case, own, "cpu_us_each", AT_MOST, cpu),
                      Aim("one-core", "a", case, f"{own}-spin", "rate", AT_LEAST, 0.97, f"{own}-nospin")]
    found += [Aim("one-core", "a", "1 session", own, "p50_us", AT_MOST, 0.95) for own in ENGINES]
    for own in ENGINES:
        found += [Aim("one-core", "f", "9000 idle", own, "memory_each", AT_MOST, 1024, ""),
                  Aim("one-core", "f", "9000 idle", own, "p50_us", AT_MOST, 1.1, f"{own}@0 idle"),
                  Aim("one-core", "g", "200 stalled", own, "stalled_memory_each", AT_MOST, 128 * 1024, ""),
                  Aim("one-core", "g", "200 stalled", own, "p99_us", AT_MOST, 1.2, f"{own}@0 stalled")]
    return found


def _two_cores() -> list:
    found = [Aim("two-workers", "a", case, own, "rate", AT_LEAST, 1.1)
             for case in ("64 sessions", "512 sessions") for own in ENGINES]
    for own in ENGINES:
        found += [Aim("two-cores", "a", "1 session", f"{own}-spin", "p50_us", AT_MOST, 0.55),
                  Aim("two-cores", "d", "32 small, 2 bulk", own, "p99_us", AT_MOST, 0.5),
                  Aim("two-cores", "d", "32 small, 2 bulk", own, "bulk_gbit", AT_LEAST, 0.5)]
        for case in ("out", "in"):
            found += [Aim("two-cores", "c", case, own, "bulk_gbit", AT_LEAST, 1.5, "haproxy-splice"),
                      Aim("two-cores", "c", case, own, "cpu_s_per_gb", AT_MOST, 0.5, "haproxy-splice")]
    return found + [Aim("two-cores", "b", "pgbench -S, 32 clients", URING, "rate", AT_LEAST, 0.95, "direct"),
                    Aim("two-cores", "b", "pgbench -S, 32 clients", URING, "rate", AT_LEAST, 1.05)]


AIMS = [*_one_core(), *_two_cores(),
        *(Aim(placement, "e", "logins", own, "rate", AT_LEAST, 1.0)
          for placement in ("one-core", "two-cores") for own in ENGINES)]


def table(runs: list) -> str:
    """A row for each aim."""
    rows = []
    for aim in AIMS:
        value = aim.measured(runs)
        if value is None:
            rows.append([aim.words(), "not measured", ""])
        else:
            rows.append([aim.words(), f"{value:.2f}" if aim.other or value == float("inf") else figure(value),
                         "met" if aim.is_met(value) else "**missed**"])
    return markdown(["pgsteer's aim", "measured", ""], rows)
