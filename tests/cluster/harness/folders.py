"""Where clusters keep their data: PGSTEER_DATA_FOLDER, else where temporary files are."""
import os
import shutil
import tempfile
from pathlib import Path

from .processes import give_to_postgres

MEMORY = Path("/dev/shm")
# Three gigabytes at the most, in test_transfers.py; as much is left to everybody else.
ROOM_BYTES_MIN = 6 << 30


def make_folder(prefix: str) -> Path:
    """A new one that PostgreSQL owns and everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("PGSTEER_DATA_FOLDER") or None))
    folder.chmod(0o755)
    give_to_postgres(folder)
    return folder


def memory_folder() -> str:
    """In memory, if there is room; else nothing. For a data folder's thousand small files, made and removed for every
    test: ext4 takes ever longer to find inodes for them, a quarter of the tests' time."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        available = int(fields["MemAvailable"].split()[0]) * 1024
        room = min(available, shutil.disk_usage(MEMORY).free)
    except (OSError, KeyError):
        return ""
    return str(MEMORY) if room >= ROOM_BYTES_MIN and os.access(MEMORY, os.W_OK) else ""


__all__ = ["make_folder", "memory_folder"]
