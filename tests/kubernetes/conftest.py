"""Fixtures: those of tests/cluster/harness/fixtures.py, and a Kubernetes API that the tests of one file share.

PGSTEER_NO_KUBERNETES=1 skips every test of this folder; without it each fails where kube-apiserver and etcd cannot be
built.
"""
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
from harness.fixtures import *  # noqa: E402,F401,F403  pylint: disable=wrong-import-position,wildcard-import
from kube_api.access import Account  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.kube_api import KubeApi  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.pods import Pods  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.programs import Unavailable  # noqa: E402  pylint: disable=wrong-import-position

# Flags of the file's API server: a test file may have API_SERVER_FLAGS of its own.
NO_FLAGS = []


@pytest.fixture(scope="module")
def whole_kube(request):
    if os.environ.get("PGSTEER_NO_KUBERNETES"):
        pytest.skip("PGSTEER_NO_KUBERNETES is set")
    try:
        made = KubeApi(getattr(request.module, "API_SERVER_FLAGS", NO_FLAGS))
    except Unavailable as reason:
        pytest.fail(f"{reason}. Set PGSTEER_NO_KUBERNETES=1 to go without these tests.")
    with made:
        yield made


@pytest.fixture
def kube(whole_kube):
    """The file's Kubernetes API, up at the start of each test."""
    whole_kube.repair()
    return whole_kube


@pytest.fixture
def namespace(kube) -> str:
    return kube.new_namespace()


@pytest.fixture
def pods(kube, namespace) -> Pods:
    return Pods(kube.admin, namespace)


@pytest.fixture
def account(kube, namespace) -> Account:
    return Account(kube.admin, namespace)
