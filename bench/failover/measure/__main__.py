"""Failovers of pgsteer and its peer, measured. Started by bench/failover/run, which says how to use it."""
import argparse
import os
import random
import resource
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(ROOT / "bench"), str(ROOT / "tests" / "cluster"),
                str(ROOT / "tests" / "kubernetes")]
from kube_api.programs import Unavailable  # noqa: E402
from measure import failover, held, load, plot, proxies, report, switchover  # noqa: E402
from measure.clients import Programs  # noqa: E402
from measure.faults import FAULTS  # noqa: E402
from measure.pod_stage import PodStage  # noqa: E402
from measure.stage import NetworkStage, Stage  # noqa: E402
from reporting import page  # noqa: E402

# Each on its stage, in this order of stages.
STAGES = (Stage, NetworkStage, PodStage)
STAGE_OF = {**{name: fault.stage_class for name, fault in FAULTS.items()}, "switchover": Stage, "held": Stage}
MODES = tuple(STAGE_OF)
RUNS = {"kill": 100, "beside": 50, "freeze": 50, "blackhole": 50, "pod": 50, "pod-unheard": 50, "held": 10}
BUSY_TARGET = 0.5


def say(words: str) -> None:
    print(words, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/failover/run")
    parser.add_argument("--mode", default="all", help="all, or some of " + ",".join(MODES))
    parser.add_argument("--runs", type=int, help=f"of each proxy; default: {RUNS}")
    parser.add_argument("--logins", type=int, default=10_000, help="of each proxy and way to log in, for switchover")
    parser.add_argument("--proxies", default="pgsteer,haproxy", help="also haproxy@INTER, e.g. haproxy@1s")
    parser.add_argument("--output", type=Path, default=Path("failover-results"))
    parser.add_argument("--readme", action="store_true", help="write the tables and the plot into bench/failover")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--binary", type=Path, required=True, help="pgsteer; default: the release that is built here")
    options = parser.parse_args()
    options.modes = MODES if options.mode == "all" else options.mode.split(",")
    unknown = set(options.modes) - set(MODES)
    if unknown or os.geteuid() != 0:
        parser.error(f"unknown mode {unknown}" if unknown else "it needs root: for network namespaces and processes")
    options.proxies = options.proxies.split(",")
    for mode in options.modes:
        if not proxies.of_stage(options.proxies, STAGE_OF[mode]):
            families = ", ".join(STAGE_OF[mode].families)
            parser.error(f"{mode} is measured of {families} only, and --proxies names none of that")
    return options


class Measurement:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.programs = Programs(options.programs.resolve(), options.binary.resolve())
        self.results = {"date": date.today().isoformat(), "machine": page.machine(), "seed": options.seed,
                        "versions": proxies.versions(self.programs), "load_factor": {},
                        "runs": report.runs_of_other_modes(options.output, options.modes)}

    def runs_of(self, mode: str) -> int:
        return self.options.runs or RUNS[mode]

    def keep(self, record: dict, words: str) -> None:
        """After each run, so that whatever comes, what was measured is there."""
        self.results["runs"].append(record)
        report.write(self.options.output, self.results)
        say(words)

    def go(self) -> None:
        modes_on = {one: [mode for mode in self.options.modes if STAGE_OF[mode] is one] for one in STAGES}
        used = [stage_class for stage_class in STAGES if modes_on[stage_class]]
        for stage_class in used:
            stage_class.provide()
        for stage_class in used:
            with stage_class(self.programs) as stage:
                for mode in modes_on[stage_class]:
                    self.measure(stage, mode)

    def measure(self, stage: Stage, mode: str) -> None:
        names = proxies.of_stage(self.options.proxies, stage)
        left_out = ", ".join(name for name in self.options.proxies if name not in names)
        if left_out:
            say(f"{mode} is measured of {', '.join(stage.families)} only: {left_out} takes no part")
        if mode == "switchover":
            self.switch_over(stage, names)
        elif mode == "held":
            self.hold(stage)
        else:
            self.fail_over(stage, mode, names)

    def fail_over(self, stage: Stage, mode: str, names: list) -> None:
        factor = self.calibrate(stage)
        self.results["load_factor"][mode] = factor
        with load.Load(stage, factor):
            for i in range(self.runs_of(mode)):
                for name in names:  # side by side, so that whatever the machine does, it does it to all
                    record = failover.Run(stage, name, FAULTS[mode]).go()
                    self.keep(record, f"{mode} {i + 1} {name}: {_in_words(record)}")

    def calibrate(self, stage: Stage) -> float:
        successor = stage.cluster.backends[stage.choose_successor()]
        with proxies.start("pgsteer", stage), failover.clients(stage, successor):
            return load.calibrate(stage, BUSY_TARGET, say)

    def switch_over(self, stage: Stage, names: list) -> None:
        for auth in switchover.ACCOUNTS:
            for name in names:
                record = switchover.measure(stage, name, auth, self.options.logins)
                self.keep(record, f"switchover {name} {auth}: {len(record['switchovers'])} switchovers, "
                                  f"{record['failed']} of {record['logins']} logins failed")

    def hold(self, stage: Stage) -> None:
        for i in range(self.runs_of("held")):
            records = [held.with_fakes(stage)]
            for auth in switchover.ACCOUNTS:
                records += held.with_postgresql(stage, auth)
            for record in records:
                self.keep(record, f"held {i + 1}, {record['to']}, {record['auth']}: {record['through'] * 1000:.0f} ms, "
                                  f"{record['failed']} failed")


def _in_words(record: dict) -> str:
    reroute = "never" if record["reroute"] is None else f"{record['reroute'] * 1000:.1f} ms"
    words = f"reroute {reroute}, oracle's error {record['oracle_error'] * 1000:.1f} ms"
    if "last_dialled" in record:
        words += f", last login sent {record['last_dialled'] * 1000:.0f} ms after the fault ({record['dialled']})"
    return words + (f", failed {sum(record['failed_begun_after'].values())}, stale {record['stale_writes']}, "
                    f"lost {record['lost_writes']}, busy {record['busy_share']:.0%}")


def publish(results: dict, options: argparse.Namespace) -> None:
    picture = plot.svg(results["runs"])
    folders = [options.output] + ([HERE.parent] if options.readme else [])
    for folder in folders if picture else []:
        (folder / "reroute.svg").write_text(picture)
    if options.readme:
        shown = "\n![reroute of every run](reroute.svg)\n" if picture else ""
        page.write_into_readme(HERE.parent / "README.md", report.tables(results) + shown)
    say("\n" + report.tables(results))
    say(f"Written to {options.output}: results.json, results.md" + (", reroute.svg" if picture else ""))


def main() -> None:
    options = arguments()
    random.seed(options.seed)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    measurement = Measurement(options)
    try:
        measurement.go()
    except Unavailable as reason:
        sys.exit(f"{reason}. Modes without pods, named by --mode, need no Kubernetes.")
    finally:
        if measurement.results["runs"]:
            publish(measurement.results, options)


if __name__ == "__main__":
    main()
