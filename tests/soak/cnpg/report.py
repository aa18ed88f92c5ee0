#!/usr/bin/python3
"""The table and the verdicts of a run of scripts/soak cnpg, from the folder it has kept everything in.

Usage: report.py FOLDER      Exit code 0 if all requirements hold, 1 if not.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (HERE, HERE.parents[1] / "cluster", HERE.parents[1] / "kubernetes")]
# pylint: disable=wrong-import-position
from facts import Facts  # noqa: E402
from verdict import judge, notes, table  # noqa: E402


def report(measured: list) -> tuple:
    """(text, whether all requirements hold)."""
    verdicts = judge(measured)
    lines = ["Times are in ms from the event.", "", table(measured), "", *map(str, verdicts), *notes(measured), ""]
    return "\n".join(lines), not any(verdict.failures for verdict in verdicts)


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else None
    found = sorted(folder.glob("*/event"), key=lambda path: path.stat().st_mtime) if folder else []
    if not found:
        print(f"report.py: no measurement in {folder}" if folder else __doc__, file=sys.stderr)
        return 2
    text, holds = report([Facts(path.parent) for path in found])
    print(text, end="")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
