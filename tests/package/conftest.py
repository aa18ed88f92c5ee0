"""Fixtures: the program under test, and a copy of this system to install it in."""
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
from harness.fixtures import binary, pytest_runtest_makereport  # noqa: E402,F401  pylint: disable=wrong-import-position
from system import System  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture
def system():
    if os.geteuid() != 0:
        pytest.skip("a copy of the system takes root")
    with System() as made:
        yield made
