"""Fixtures: the Debian package of the program that is tested, and a copy of this system to install it in."""
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
from harness.fixtures import binary, pytest_runtest_makereport  # noqa: E402,F401  pylint: disable=wrong-import-position
from harness.processes import run  # noqa: E402  pylint: disable=wrong-import-position
from system import System  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="session")
def package(binary, tmp_path_factory) -> Path:  # noqa: F811  pylint: disable=redefined-outer-name
    """By cpack, from the build that the program is of."""
    folder = tmp_path_factory.mktemp("package")
    run(["cpack", "--config", binary.parents[1] / "CPackConfig.cmake", "-B", folder])
    made, = folder.glob("*.deb")
    return made


@pytest.fixture
def system():
    if os.geteuid() != 0:
        pytest.skip("a copy of the system takes root")
    with System() as made:
        yield made


@pytest.fixture
def installed(system, package) -> System:
    """With the package in it, configured."""
    system.run("dpkg", "--install", system.copy(package))
    return system
