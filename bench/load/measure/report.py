"""What was measured, as JSON, as Markdown and as plots."""
import json
from pathlib import Path

from reporting.figures import median
from reporting.page import write_into_readme

from . import plot, table, targets
from .hosts import PLACEMENTS
from .loads import LOADS


def other_runs(folder: Path, loads: list, placements: list) -> list:
    """What an earlier measurement left there and this one does not repeat."""
    path = folder / "results.json"
    runs = json.loads(path.read_text())["runs"] if path.exists() else []
    return [run for run in runs if run["load"] not in loads or run["placement"] not in placements]


def in_words(record: dict) -> str:
    if "failed" in record:
        return f"FAILED: {record['failed']}"
    parts = [f"{record[key]:.4g} {unit}" for key, unit in (
        ("rate", "/s"), ("bulk_gbit", "Gbit/s"), ("p50_us", "µs p50"), ("p99_us", "µs p99"),
        ("cpu_us_each", "µs of CPU each"), ("cpu_s_per_gb", "s of CPU per GB"),
        ("memory_each", "bytes each"), ("stalled_memory_each", "bytes per stalled session")) if key in record]
    return ", ".join(parts)


def write(folder: Path, results: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def tables(results: dict) -> str:
    runs = results["runs"]
    parts = [f"{results['date']}; {results['machine']}; {'; '.join(results['versions'].values())}. "
             "Medians, in parentheses the least and the most.", ""]
    parts += _left_out(results["unavailable"])
    parts += [targets.table(runs), ""]
    for load, title in LOADS.items():
        for placement in PLACEMENTS.values():
            found = table.table(runs, load, placement.name)
            if found:
                parts += [f"### {title}: {placement.title}", "", found, "",
                          table.rounds(runs, load, placement.name), *_others_used(runs, load, placement), ""]
    return "\n".join(parts)


def _left_out(unavailable: dict) -> list:
    reasons = {}
    for name, why in unavailable.items():
        reasons.setdefault(why, []).append(name)
    return [line for why, names in reasons.items() for line in (f"Left out: {'; '.join(names)}: {why}", "")]


def _others_used(runs: list, load: str, placement) -> list:
    """How quiet the machine was."""
    shares = [run["others_share"] for run in runs
              if (run["load"], run["placement"]) == (load, placement.name) and "others_share" in run]
    if not shares:
        return []
    return [f"Of these cores' time, everything else on the machine had {median(shares):.1%} in the median, "
            f"{max(shares):.1%} in the worst run."]


def publish(results: dict, folder: Path, readme_folder: Path = None) -> str:
    """The tables, written and returned."""
    write(folder, results)
    text = tables(results)
    pictures = plot.pictures(results["runs"])
    (folder / "results.md").write_text(text)
    for target in filter(None, (folder, readme_folder)):
        for name, picture in pictures.items():
            (target / name).write_text(picture)
    if readme_folder:
        shown = "".join(f"\n![{name.removesuffix('.svg')}]({name})\n" for name in pictures)
        write_into_readme(readme_folder / "README.md", text + shown)
    return text
