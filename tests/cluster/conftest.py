"""Fixtures: those of harness/fixtures.py."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness.fixtures import *  # noqa: E402,F401,F403  pylint: disable=wrong-import-position,wildcard-import
