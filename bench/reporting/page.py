"""The machine in words, and the marked place in a README."""
import os
import platform
from pathlib import Path

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} processors ({model}), Linux {platform.release().partition('-')[0]}"


def write_into_readme(readme: Path, text: str) -> None:
    """Between the two comments, nothing else."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{readme} has no place for results")
    readme.write_text(f"{before}{BEGIN}\n{text.rstrip()}\n{END}{after}")
