"""What pgsteer aims at, beside what was measured of it."""
from reporting.figures import markdown, ms, quantile

RUNS_WANTED, LOGINS_WANTED = 100, 10_000
PODS = ("pod", "pod-unheard")  # Each a kill, so that its reroute may take as long.
REROUTE_SECONDS = {0.5: 0.030, 0.99: 0.100, 1: 0.250}
LAST_DIALLED_SECONDS = 0.300
HELD_SECONDS = 0.200
BESIDE_SECONDS = 0.060  # Between two questions that a standby is watched by, and the login.
BESIDE_STALE_WRITES = 15  # In one run.


def verdict(is_met: bool, enough: bool = True) -> str:
    return ("met" if is_met else "**missed**") + ("" if enough else ", but too few")


def _reroute(runs: list) -> list:
    values = [float("inf") if run["reroute"] is None else run["reroute"] for run in runs]
    found = {q: quantile(values, q) for q in REROUTE_SECONDS}
    return [f"kill: reroute p50, p99, max of {RUNS_WANTED} or more runs",
            ", ".join(f"{ms(seconds)} ms" for seconds in REROUTE_SECONDS.values()),
            ", ".join(f"{ms(seconds)} ms" for seconds in found.values()) + f" of {len(runs)} runs",
            verdict(all(found[q] <= most for q, most in REROUTE_SECONDS.items()), len(runs) >= RUNS_WANTED)]


def _reroute_p99(mode: str, most: float, runs: list) -> list:
    p99 = quantile([float("inf") if run["reroute"] is None else run["reroute"] for run in runs], 0.99)
    return [f"{mode}: reroute, p99", f"{ms(most)} ms", f"{ms(p99)} ms of {len(runs)} runs", verdict(p99 <= most)]


def _beside(runs: list) -> list:
    stale = max(run["stale_writes"] for run in runs)
    return [_reroute_p99("beside", BESIDE_SECONDS, runs),
            ["beside: stale writes in one run", f"{BESIDE_STALE_WRITES}", f"{stale} at most of {len(runs)} runs",
             verdict(stale <= BESIDE_STALE_WRITES)]]


def _last_dialled(mode: str, runs: list) -> list:
    p99 = quantile([run["last_dialled"] for run in runs], 0.99)
    return [f"{mode}: last new login sent to the primary after the fault, p99", f"{ms(LAST_DIALLED_SECONDS)} ms",
            f"{ms(p99)} ms of {len(runs)} runs", verdict(p99 <= LAST_DIALLED_SECONDS)]


def _stale(runs: list) -> list:
    stale = sum(run["stale_writes"] for run in runs)
    return ["stale writes in all these runs", "0", f"{stale} of {len(runs)} runs", verdict(stale == 0)]


def _switchover(auth: str, runs: list) -> list:
    logins, failed, unmovable = (sum(run[key] for run in runs) for key in ("logins", "failed", "failed_after_proof"))
    return [f"switchover, logins by {auth}: failed of {LOGINS_WANTED} or more", "0",
            f"{failed} of {logins}" + (f"; {unmovable} of them after their SCRAM proof" if unmovable else ""),
            verdict(failed == 0, logins >= LOGINS_WANTED)]


def _held(to: str, auth: str, runs: list) -> list:
    longest, failed = max(run["through"] for run in runs), sum(run["failed"] for run in runs)
    return [f"500 held logins by {auth} to {to}: the last is in", f"{ms(HELD_SECONDS)} ms",
            f"{ms(longest)} ms at most, {failed} failed, {len(runs)} runs",
            verdict(longest <= HELD_SECONDS and failed == 0)]


def table(runs: list) -> str:
    """Of all runs of pgsteer; a row for each aim that was measured."""
    own = [run for run in runs if run.get("proxy", "pgsteer") == "pgsteer"]
    of = {mode: [run for run in own if run["mode"] == mode] for mode in ("kill", "freeze", "blackhole", *PODS)}
    rows = [_reroute(of["kill"])] if of["kill"] else []
    rows += [_last_dialled(mode, of[mode]) for mode in ("freeze", "blackhole") if of[mode]]
    rows += [_reroute_p99(mode, REROUTE_SECONDS[0.99], of[mode]) for mode in PODS if of[mode]]
    if any(of.values()):
        rows.append(_stale(sum(of.values(), [])))
    beside = [run for run in own if run["mode"] == "beside"]
    rows += _beside(beside) if beside else []
    for auth in ("trust", "scram"):
        group = [run for run in own if run["mode"] == "switchover" and run["auth"] == auth]
        rows += [_switchover(auth, group)] if group else []
    crowds = [run for run in own if run["mode"] == "held" and "held" in run["to"]]
    for to, auth in dict.fromkeys((run["to"], run["auth"]) for run in crowds):
        rows.append(_held(to, auth, [run for run in crowds if (run["to"], run["auth"]) == (to, auth)]))
    return markdown(["pgsteer's aim", "at most", "measured", ""], rows)
