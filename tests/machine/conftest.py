"""Fixtures, with those of given.py: run.py starts these tests, on its machine."""
import pytest

from testbed.release import Release, values

DRAIN_SECONDS = 10
PRE_STOP_SECONDS = 5
REPLICAS = 2


@pytest.fixture(scope="session")
def whole_release(bed, helm) -> Release:
    made = Release(bed, helm, values({"drain_timeout": f"{DRAIN_SECONDS}s"}, replicas=REPLICAS,
                                     preStopSleepSeconds=PRE_STOP_SECONDS))
    made.install()
    return made


@pytest.fixture
def release(whole_release) -> Release:
    """Two pgsteers, and each sees the primary and both standbys."""
    whole_release.wait_settled()
    return whole_release
