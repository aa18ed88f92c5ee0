#!/usr/bin/python3
"""CloudNativePG's failovers, through pgsteer and through the Cluster's own -rw Service at the same time.

Started by scripts/soak cnpg. Exit code 0 if pgsteer kept all that it must, 1 if not, 2 for wrong arguments,
another one if the run was broken off.
"""
import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parents[1] / name) for name in ("cluster", "kubernetes", "machine"))]
# pylint: disable=wrong-import-position
from events import EVENTS, USUAL_STOP  # noqa: E402
from facts import Facts, timeline  # noqa: E402
from measure import Measurement  # noqa: E402
from proxy import ProxiedBed  # noqa: E402
from report import report  # noqa: E402
from verdict import table  # noqa: E402

from kube_api.programs import Unavailable  # noqa: E402
from testbed.bed import Programs  # noqa: E402
from testbed.enclosure import run_enclosed  # noqa: E402

# Synchronous standbys, as the guide has it, or none. cluster.yaml begins with the guide's.
MODES = {"sync": {"minSyncReplicas": 1, "maxSyncReplicas": 1}, "async": {"minSyncReplicas": 0, "maxSyncReplicas": 0}}


def words_of(text: str) -> list:
    """The events in the order they are run in."""
    wanted = text.split(",")
    unknown = [word for word in wanted if word not in EVENTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no event {unknown[0]!r}; there are {', '.join(EVENTS)}")
    return [word for word in EVENTS if word in wanted]


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def options_from(arguments: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak cnpg")
    parser.add_argument("--rounds", type=count, default=3, help="of each event and mode (default 3)")
    parser.add_argument("--events", type=words_of, default=list(EVENTS), help=f"of {','.join(EVENTS)} (default all)")
    parser.add_argument("--mode", choices=[*MODES, "both"], default="both", help="(default both)")
    return parser.parse_args(arguments)


def measure_all(bed: ProxiedBed, options: argparse.Namespace, results: Path) -> list:
    """Facts of every measurement. Those done are in results, whatever ends the run."""
    measured = []
    for mode in [options.mode] if options.mode != "both" else list(MODES):
        settings = {**MODES[mode], **USUAL_STOP}
        bed.cnpg.change(settings)
        for word in options.events:
            event = EVENTS[word]
            if {**settings, **event.stop} != settings:
                settings = {**settings, **event.stop}
                print(f"       changing the Cluster: {settings}", flush=True)
                bed.cnpg.change(settings)
            for number in range(options.rounds):
                folder = results / f"{mode}.{word}.{number + 1}"
                Measurement(bed, mode, event, folder).run()
                facts = Facts(folder)
                (folder / "timeline").write_text(timeline(facts))
                measured.append(facts)
                print("\n".join(table([facts]).splitlines()[2:]), flush=True)
    return measured


def tell(measured: list, results: Path) -> int:
    text, holds = report(measured)
    (results / "table.md").write_text(text)
    print(f"\n{text}\nEverything is kept in {results}", flush=True)
    return 0 if holds else 1


def main() -> int:
    options = options_from(sys.argv[1:])
    if os.geteuid() != 0:
        sys.exit("scripts/soak cnpg: needs root, for namespaces")
    if not Path(os.environ.get("PGSTEER_BINARY") or "").is_file():
        sys.exit("scripts/soak cnpg: PGSTEER_BINARY names no program")
    programs = Programs()
    results = Path(tempfile.mkdtemp(prefix="pgsteer-cnpg-results-"))
    folder = Path(tempfile.mkdtemp(prefix="pgsteer-cnpg-"))
    folder.chmod(0o755)

    def body() -> int:
        with ProxiedBed(folder, programs) as bed:
            bed.proxy.start()
            try:
                return tell(measure_all(bed, options, results), results)
            finally:
                for log in (folder / "logs").iterdir():
                    shutil.copy(log, results)

    try:
        status = run_enclosed(folder, body)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if status not in (0, 1):
        print(f"broken off; report.py has the table of what was measured, in {results}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        sys.exit(f"scripts/soak cnpg: {reason}")
