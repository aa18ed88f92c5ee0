"""Fixtures: those of the Debian package, of the program that PGSTEER_BINARY names."""
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "package"), str(HERE.parent / "cluster")]
from harness.fixtures import binary, pytest_runtest_makereport  # noqa: E402,F401  pylint: disable=wrong-import-position
from packaging_fixtures import package  # noqa: E402,F401  pylint: disable=wrong-import-position
