"""pgsteer and its peers under load, measured. Started by bench/load/run, which says how to use it."""
import argparse
import os
import resource
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(ROOT / "bench"), str(ROOT / "tests" / "cluster")]
from harness import processes  # noqa: E402
from harness.wait import free_port  # noqa: E402
from measure import loads, postgres, proxies, report  # noqa: E402
from measure.hosts import DEFAULT_PLACEMENTS, PLACEMENTS, Hosts  # noqa: E402
from measure.programs import LISTEN_PORT, FakeBackend, LoadFailed  # noqa: E402
from reporting import page  # noqa: E402


def say(words: str) -> None:
    print(words, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/load/run")
    parser.add_argument("--loads", default=",".join(loads.LOADS), help="some of them; default: all")
    parser.add_argument("--proxies", help="default: " + ",".join(proxies.DEFAULT))
    parser.add_argument("--placements", help="default: " + ",".join(DEFAULT_PLACEMENTS))
    parser.add_argument("--rounds", type=int, default=5, help="of each; all proxies by turns in each round")
    parser.add_argument("--seconds", type=float, default=5, help="of each measured interval")
    parser.add_argument("--bulk", type=int, default=2_000_000_000, help="bytes that load c moves")
    parser.add_argument("--haproxy", type=Path, help="another HAProxy, measured beside the installed one")
    parser.add_argument("--output", type=Path, default=Path("load-results"))
    parser.add_argument("--readme", action="store_true", help="write the tables and plots into bench/load")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--commit", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.programs, options.binary = options.programs.resolve(), options.binary.resolve()
    options.is_everything = not options.proxies and not options.placements
    options.loads = options.loads.split(",")
    options.placements = options.placements.split(",") if options.placements else DEFAULT_PLACEMENTS
    unknown = set(options.loads) - set(loads.LOADS) | set(options.placements) - set(PLACEMENTS)
    if unknown or os.geteuid() != 0:
        parser.error(f"unknown: {unknown}" if unknown else "it needs root: for network namespaces and pinned processes")
    return options


class Measurement:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.binaries = proxies.binaries(options.binary, options.haproxy)
        names = options.proxies.split(",") if options.proxies else proxies.DEFAULT
        self.names = proxies.with_other_haproxy(names, self.binaries)
        self.left_out = {}  # (placement, proxy) -> why
        self.results = {"date": date.today().isoformat(), "machine": page.machine(),
                        "versions": proxies.versions(self.binaries, options.commit), "unavailable": {},
                        "runs": report.other_runs(options.output, options.loads, options.placements)}

    def go(self) -> None:
        for placement in self.options.placements:
            with Hosts(PLACEMENTS[placement]) as hosts:
                on_fakes = [load for load in self.options.loads if load != "b"]
                if on_fakes:
                    port = free_port() if not hosts.placement.is_in_network else LISTEN_PORT
                    with FakeBackend(self.options.programs, hosts, port) as backend:
                        for load in on_fakes:
                            self.rounds(hosts, backend, load)
                if "b" in self.options.loads:
                    with postgres.Postgres(hosts) as backend:
                        self.rounds(hosts, backend, "b")

    def rounds(self, hosts, backend, load: str) -> None:
        """Side by side, so that whatever the machine does, it does it to all; every other round backwards."""
        for number in range(self.options.rounds):
            for case in loads.cases(load, self.options.bulk):
                for name in self.names[:: -1 if number % 2 else 1]:
                    if self.is_wanted(hosts.placement.name, load, name):
                        self.run(hosts, backend, case, name, number)

    def is_wanted(self, placement: str, load: str, name: str) -> bool:
        return (placement, name) not in self.left_out and (
            not self.options.is_everything or loads.is_worth(load, placement, name))

    def run(self, hosts, backend, case, name: str, number: int) -> None:
        place = hosts.placement.name
        words = f"{case.load} {place}, {case.name}, round {number + 1}, {name}"
        port = LISTEN_PORT + 10 if hosts.placement.is_in_network else free_port()
        try:
            with proxies.make(name, hosts, backend, port, self.binaries) as proxy:
                proxies.wait_ready(proxy, backend)
                if case.load == "b":
                    found = postgres.measure(hosts, proxy, case.arguments, self.options.seconds)
                else:
                    found = loads.measure(self.options.programs, hosts, proxy, backend, case, self.options.seconds)
        except proxies.Unavailable as why:
            self.left_out[place, name] = str(why)
            self.results["unavailable"][f"{place}, {name}"] = str(why)
            say(f"{words}: left out: {why}")
            return
        except LoadFailed as failed:
            found = {"failed": str(failed)}
        head = {"load": case.load, "case": case.name, "placement": place, "proxy": name, "round": number + 1}
        self.results["runs"].append(head | found)
        report.write(self.options.output, self.results)
        say(f"{words}: {report.in_words(found)}")


def main() -> None:
    options = arguments()
    processes.adopt_orphans()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    measurement = Measurement(options)
    try:
        measurement.go()
    finally:
        if measurement.results["runs"]:
            say("\n" + report.publish(measurement.results, options.output, HERE.parent if options.readme else None))
            say(f"\nWritten to {options.output}: results.json, results.md and plots")


if __name__ == "__main__":
    main()
