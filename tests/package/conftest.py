"""Fixtures: the Debian package of the program that is tested, and a copy of this system to install it in."""
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
from harness.fixtures import binary, pytest_runtest_makereport  # noqa: E402,F401  pylint: disable=wrong-import-position
from packaging_fixtures import package  # noqa: E402,F401  pylint: disable=wrong-import-position
from system import System  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture
def system():
    if os.geteuid() != 0:
        pytest.skip("a copy of the system takes root")
    with System() as made:
        yield made


@pytest.fixture
def installed(system, package) -> System:  # noqa: F811  pylint: disable=redefined-outer-name
    """With the package in it, configured."""
    system.run("dpkg", "--install", system.copy(package))
    return system
