"""The demo's entries in ~/.pgpass, so that psql asks for no password. libpq-pgpass.html

Each entry stands behind a comment of ours; leaving removes exactly those, also ones a killed demo left behind.
"""
import os
from pathlib import Path

MARK = "# pgsteer demo: removed when the demo ends"


def path() -> Path:
    return Path(os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")


def _without_ours(text: str) -> str:
    kept, is_ours = [], False
    for line in text.splitlines(keepends=True):
        if line.strip() == MARK:
            is_ours = True
        elif is_ours:
            is_ours = False
        else:
            kept.append(line)
    return "".join(kept)


def _write(text: str) -> None:
    file = path()
    file.touch(mode=0o600)
    file.chmod(0o600)  # libpq ignores the file if others may read it.
    file.write_text(text)


def add(ports: list, password: str) -> None:
    """In front: libpq takes the first entry that matches."""
    present = _without_ours(path().read_text()) if path().exists() else ""
    entries = "".join(f"{MARK}\nlocalhost:{port}:appdb:app:{password}\n" for port in ports)
    _write(entries + present)


def remove() -> None:
    if not path().exists():
        return
    text = path().read_text()
    rest = _without_ours(text)
    if rest != text:
        if rest:
            _write(rest)
        else:
            path().unlink()
