"""The fault matrix names tests that exist: file::name in tests/cluster/FAULTS.md."""
import re
from pathlib import Path

MATRIX = Path("tests/cluster/FAULTS.md")
# test_x.py::function of that folder, or kubernetes/test_x.py::function and unit/...cpp::Suite.Name below tests.
NAMED = re.compile(r"([\w/]+\.(?:py|cpp))::(\w+)(?:\.(\w+))?")


def check(root: Path) -> list:
    problems = []
    text = (root / MATRIX).read_text(encoding="utf-8")
    for file, name, case in NAMED.findall(text):
        path = root / "tests" / file if "/" in file or file.endswith(".cpp") else root / MATRIX.parent / file
        wanted = rf"^TEST(_F|_P)?\(\s*{name},\s*{case}\)" if case else rf"^def {name}\("
        if not path.is_file():
            problems.append(f"{MATRIX}: {file} does not exist")
        elif not re.search(wanted, path.read_text(encoding="utf-8"), re.MULTILINE):
            problems.append(f"{MATRIX}: {file} has no test {'.'.join(filter(None, (name, case)))}")
    return problems


__all__ = ["check"]
