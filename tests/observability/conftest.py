"""Fixtures: those of tests/cluster/harness/fixtures.py, and a pgsteer that Prometheus has watched through a failover."""
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
from harness.fixtures import *  # noqa: E402,F401,F403  pylint: disable=wrong-import-position,wildcard-import
from observed.story import Story  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="module")
def story(binary, tmp_path_factory):
    """One for all tests of a file: they only ask."""
    with Story(binary, tmp_path_factory.mktemp("prometheus")) as told:
        told.fail_over()
        yield told
