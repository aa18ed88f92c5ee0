"""The tables of each load: a row for each case and proxy, medians of its runs beside HAProxy's."""
from dataclasses import dataclass

from reporting import figures

REFERENCE, BULK_REFERENCE = "haproxy", "haproxy-splice"
# Above this a process of the bench itself was what the load waited for.
BUSY_LIMIT = 0.95


def median(runs: list, key: str):
    return figures.median([run[key] for run in runs if run.get(key) is not None])


def groups(runs: list, load: str, placement: str) -> dict:
    """case -> proxy -> its runs."""
    found = {}
    for run in runs:
        if (run["load"], run["placement"]) == (load, placement):
            found.setdefault(run["case"], {}).setdefault(run["proxy"], []).append(run)
    return found


def limit(proxies: dict, key: str):
    """The most that two connections in a row can do where one, the direct one, has used up the cores."""
    direct = median(proxies.get("direct", []), key)
    return direct / 2 if direct else None


def figure(value, digits: int = 3) -> str:
    """A table's cell: so many digits, thousands apart."""
    if value is None:
        return "none"
    if value == 0:
        return "0"
    magnitude = len(str(int(abs(value))))
    if magnitude >= digits:
        kept = round(value, digits - magnitude)
        return f"{kept:,.0f}"
    return f"{value:.{digits - magnitude if abs(value) >= 1 else digits - 1}f}"


@dataclass
class Row:
    case: str
    proxy: str
    cases: dict  # as groups() has them

    @property
    def runs(self) -> list:
        return self.cases[self.case][self.proxy]

    @property
    def good(self) -> list:
        return [run for run in self.runs if "failed" not in run]

    def median(self, key: str, digits: int = 3, unit: float = 1) -> str:
        value = median(self.good, key)
        return figure(None if value is None else value * unit, digits)

    def spread(self, key: str, digits: int = 3, unit: float = 1) -> str:
        """Median, least and most."""
        values = [run[key] * unit for run in self.good if key in run]
        if not values:
            return "none"
        middle, least, most = (figure(value, digits) for value in (figures.median(values), min(values), max(values)))
        return f"{middle} ({least} to {most})" if len(values) > 1 else middle

    def against(self, key: str, other: str, case: str = "") -> str:
        """Times another proxy's median, or that of the same proxy in another case."""
        own, base = median(self.good, key), median(self.cases.get(case or self.case, {}).get(other, []), key)
        return f"{own / base:.2f}" if own is not None and base else ""

    def share_of_limit(self, key: str) -> str:
        own, most = median(self.good, key), limit(self.cases[self.case], key)
        return f"{own / most:.2f}" if own is not None and most and self.proxy != "direct" else ""

    def busy(self, who: str) -> str:
        shares = [run[f"{who}_cpu_seconds"] / run["seconds"] for run in self.good if f"{who}_cpu_seconds" in run]
        if not shares:
            return ""
        share = figures.median(shares)
        return f"**{share:.0%}**" if share >= BUSY_LIMIT else f"{share:.0%}"


def busy_columns() -> list:
    return [("client busy", lambda row: row.busy("client")), ("proxy", lambda row: row.busy("proxy")),
            ("backend", lambda row: row.busy("backend"))]


def latency_columns() -> list:
    return [("p50 µs", lambda row: row.median("p50_us")), ("p99", lambda row: row.spread("p99_us")),
            ("p99.9", lambda row: row.median("p999_us"))]


def cpu_columns(of: str) -> list:
    return [(f"proxy CPU µs per {of}", lambda row: row.spread("cpu_us_each")),
            ("× HAProxy", lambda row: row.against("cpu_us_each", REFERENCE))]


def rate_columns(of: str) -> list:
    return [(f"{of}/s", lambda row: row.spread("rate", 4)), ("× HAProxy", lambda row: row.against("rate", REFERENCE))]


def limit_column(key: str) -> tuple:
    return "share of the limit", lambda row: row.share_of_limit(key)


def memory_of(key: str) -> list:
    return [("user memory MiB", lambda row: row.median(key, unit=1 / (1 << 20)))]


COLUMNS = {
    "a": [*rate_columns("round trips"), limit_column("rate"), *latency_columns(),
          ("p50 × HAProxy", lambda row: row.against("p50_us", REFERENCE)),
          *cpu_columns("round trip"), *memory_of("memory_after"), *busy_columns()],
    "b": [*rate_columns("transactions"), ("× direct", lambda row: row.against("rate", "direct")), *latency_columns(),
          *cpu_columns("transaction"), *memory_of("memory_after")],
    "c": [("Gbit/s", lambda row: row.spread("bulk_gbit")),
          ("× HAProxy splicing", lambda row: row.against("bulk_gbit", BULK_REFERENCE)), limit_column("bulk_gbit"),
          ("proxy CPU s per GB", lambda row: row.spread("cpu_s_per_gb")),
          ("× HAProxy splicing", lambda row: row.against("cpu_s_per_gb", BULK_REFERENCE)),
          *memory_of("memory_after"), *busy_columns()],
    "d": [*latency_columns(), ("p99 × HAProxy", lambda row: row.against("p99_us", REFERENCE)),
          *rate_columns("small round trips"), limit_column("rate"),
          ("bulk Gbit/s", lambda row: row.spread("bulk_gbit")),
          ("× HAProxy", lambda row: row.against("bulk_gbit", REFERENCE)), *memory_of("memory_after"), *busy_columns()],
    "e": [*rate_columns("sessions"), limit_column("rate"), *latency_columns(), *cpu_columns("session"),
          *busy_columns()],
    "f": [("KiB of user memory per session", lambda row: row.median("memory_each", unit=1 / 1024)),
          *rate_columns("round trips"), limit_column("rate"), *latency_columns(),
          ("p50 × among none", lambda row: row.against("p50_us", row.proxy, "0 idle")), *cpu_columns("round trip")],
    "g": [("KiB of user memory per stalled session", lambda row: row.median("stalled_memory_each", unit=1 / 1024)),
          *rate_columns("round trips"), limit_column("rate"), *latency_columns(),
          ("p99 × among none", lambda row: row.against("p99_us", row.proxy, "0 stalled")), *cpu_columns("round trip")]}


def failures(row: Row) -> list:
    """Runs that did not finish, said in the table's first column."""
    count = len(row.runs) - len(row.good)
    return [f"{count} of {len(row.runs)} failed"] if count else []


def rounds(runs: list, load: str, placement: str) -> str:
    """Of how many rounds the medians are, over the rows that have any."""
    cases = groups(runs, load, placement)
    counts = {len(Row(case, proxy, cases).good) for case, proxies in cases.items() for proxy in proxies} - {0}
    if not counts:
        return ""
    least, most = min(counts), max(counts)
    return f"Medians of {least if least == most else f'{least} to {most}'} round{'s' if most > 1 else ''}."


def table(runs: list, load: str, placement: str) -> str:
    """Empty if nothing was measured."""
    cases = groups(runs, load, placement)
    rows = []
    for case, proxies in cases.items():
        for proxy in proxies:
            row = Row(case, proxy, cases)
            rows.append([case, ", ".join([proxy, *failures(row)]), *(cell(row) for _, cell in COLUMNS[load])])
    return figures.markdown(["", "proxy", *(title for title, _ in COLUMNS[load])], rows) if rows else ""
