"""What was measured, as Markdown tables and as JSON."""
import json
from pathlib import Path

from reporting.figures import cells, markdown, ms

from . import targets

TITLES = {"kill": "kill -9 of the primary, promotion at once",
          "beside": "Promotion beside a living primary, of which nobody tells",
          "freeze": "Frozen primary (SIGSTOP of every process), promotion after 1.5 s, thawed 0.5 s after that",
          "blackhole": "Blackholed primary (every packet lost), promotion after 1.5 s, healed 0.5 s after that",
          "pod": "Pod of the primary deleted, killed at the end of its grace period of 1 s, promotion at once",
          "pod-unheard": "Pod of the primary killed while the API server is down, promotion at once",
          "switchover": "Planned switchovers at 300 logins a second", "held": "500 held logins"}


def tables(results: dict) -> str:
    parts = [targets.table(results["runs"]), ""]
    for mode, title in TITLES.items():
        runs = [run for run in results["runs"] if run["mode"] == mode]
        if runs:
            parts += [f"### {title}", "", *MAKERS[mode](runs), ""]
    note = f"{results['date']}; {results['machine']}; {'; '.join(results['versions'].values())}."
    return "\n".join([note, "", *parts])


def _by(runs: list, *keys) -> dict:
    groups = {}
    for run in runs:
        groups.setdefault(tuple(run[key] for key in keys), []).append(run)
    return groups


def _total(runs: list, key: str) -> int:
    return sum(sum(run[key].values()) if isinstance(run[key], dict) else run[key] for run in runs)


def _share(runs: list) -> str:
    return f"{sum(run['busy_share'] for run in runs) / len(runs):.0%}"


def _failover_table(runs: list) -> list:
    rows = []
    for (proxy,), group in _by(runs, "proxy").items():
        unreached = sum(run["reroute"] is None for run in group)
        rows.append([proxy, len(group), *cells([run["reroute"] for run in group]), unreached,
                     "/".join(cells([run["oracle_error"] for run in group])[::2]),
                     f"{_total(group, 'failed_begun_after')} of {_total(group, 'logins')}",
                     _total(group, "failed_begun_before"), _total(group, "stale_writes"),
                     _total(group, "lost_writes"), _total(group, "wrong_role"), _share(group)])
    return [markdown(["proxy", "runs", "reroute p50 ms", "p99", "max", "never", "oracle's error p50/max ms",
                      "failed logins", "those under way at the fault", "stale writes", "lost writes", "wrong role",
                      "busy"], rows), *_reasons(runs, "failed_begun_after"), *_phases(runs)]


def _phases(runs: list) -> list:
    """pgsteer's own measurement beside its clients'."""
    told = [run for run in runs if "phases" in run]
    if not told:
        return []
    rows = [[phase, *cells([run["phases"][phase] for run in told])] for phase in told[0]["phases"]]
    rows.append(["fault to first commit, by the client", *cells([run["outage"] for run in told])])
    return ["", markdown(["pgsteer_failover_phase_seconds", "p50 ms", "p99", "max"], rows)]


def _recorded_table(runs: list) -> list:
    rows = []
    for (proxy,), group in _by(runs, "proxy").items():
        rows.append([proxy, len(group), *cells([run["last_dialled"] for run in group]),
                     f"{_total(group, 'dialled') / len(group):.1f}", _total(group, "dialled_when_back")])
    return [markdown(["proxy", "runs", "last login sent there: p50 ms after the fault", "p99", "max",
                      "sent there after the fault, per run", "sent there when it was back, all runs"], rows),
            "", *_failover_table(runs)]


def _switchover_table(runs: list) -> list:
    rows = []
    for (auth, proxy), group in sorted(_by(runs, "auth", "proxy").items(), reverse=True):
        rows.append([proxy, auth, sum(len(run["switchovers"]) for run in group), _total(group, "logins"),
                     _total(group, "failed"), _total(group, "failed_after_proof"), _total(group, "cut_after_login"),
                     _total(group, "held"), ms(max(run["longest_wait"] for run in group)),
                     _total(group, "lost_writes"), _total(group, "wrong_role")])
    return [markdown(["proxy", "logins by", "switchovers", "logins", "failed", "of them after their SCRAM proof",
                      "sessions cut before their first answer", "waited over 100 ms", "longest wait ms",
                      "lost writes", "wrong role"], rows), *_reasons(runs, "reasons")]


def _held_table(runs: list) -> list:
    rows = []
    for (to, auth), group in _by(runs, "to", "auth").items():
        rows.append([to, auth, len(group), *cells([run["through"] for run in group]), _total(group, "failed")])
    return [markdown(["500 logins to", "by", "runs", "all through: p50 ms", "p99", "max", "failed"], rows)]


def _reasons(runs: list, key: str) -> list:
    """Why logins failed, as far as any did."""
    counts = {}
    for run in runs:
        who = " ".join(filter(None, (run["proxy"], run.get("auth"))))
        for reason, count in run[key].items():
            counts[(who, reason)] = counts.get((who, reason), 0) + count
    rows = [[who, reason, count] for (who, reason), count in sorted(counts.items())]
    return ["", markdown(["failed logins of", "phase and reason", "count"], rows)] if rows else []


MAKERS = {"kill": _failover_table, "beside": _failover_table, "freeze": _recorded_table, "blackhole": _recorded_table,
          "pod": _failover_table, "pod-unheard": _failover_table, "switchover": _switchover_table, "held": _held_table}


def runs_of_other_modes(folder: Path, modes: list) -> list:
    """What an earlier measurement left there and this one does not repeat."""
    path = folder / "results.json"
    runs = json.loads(path.read_text())["runs"] if path.exists() else []
    return [run for run in runs if run["mode"] not in modes]


def write(folder: Path, results: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "results.md").write_text(tables(results))
