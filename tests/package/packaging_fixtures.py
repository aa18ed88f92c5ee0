"""The Debian package of the program that is tested."""
from pathlib import Path

import pytest

from harness.processes import run


@pytest.fixture(scope="session")
def package(binary, tmp_path_factory) -> Path:
    """By cpack, from the build that the program is of."""
    folder = tmp_path_factory.mktemp("package")
    run(["cpack", "--config", binary.parents[1] / "CPackConfig.cmake", "-B", folder])
    made, = folder.glob("*.deb")
    return made
