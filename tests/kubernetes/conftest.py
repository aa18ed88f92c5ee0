"""Fixtures: those of tests/cluster/harness/fixtures.py, and a Kubernetes API that the tests of one file share.

PGSTEER_NO_KUBERNETES=1 skips every test of this folder; without it each fails where kube-apiserver and etcd cannot be
built.
"""
import functools
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
from harness.fixtures import *  # noqa: E402,F401,F403  pylint: disable=wrong-import-position,wildcard-import
from harness.cluster import PgCluster  # noqa: E402  pylint: disable=wrong-import-position
from harness.loopback import Loopback  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.access import Account, write_token  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.dry_run import define_foreign_kinds  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.gate import Gate  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.instances import Instances  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.kube_api import KubeApi  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.pods import Pods  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.programs import Unavailable  # noqa: E402  pylint: disable=wrong-import-position
from kube_api.source import kubernetes_source  # noqa: E402  pylint: disable=wrong-import-position

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


@pytest.fixture(scope="module")
def foreign_kinds(whole_kube) -> None:
    """CloudNativePG's, the Gateway API's, the Prometheus operator's, Azure's and KEDA's kinds, as they define them."""
    define_foreign_kinds(whole_kube.admin)


@pytest.fixture
def namespace(kube) -> str:
    return kube.new_namespace()


@pytest.fixture
def pods(kube, namespace) -> Pods:
    return Pods(kube.admin, namespace)


@pytest.fixture
def account(kube, namespace) -> Account:
    return Account(kube.admin, namespace)


@pytest.fixture(scope="module")
def whole_cluster():
    """PostgreSQL at addresses of its own, as pods have them."""
    with PgCluster(network=Loopback()) as made:
        yield made


@pytest.fixture
def instances(cluster, pods) -> Instances:
    """The cluster's backends as pods."""
    return Instances(pods, cluster)


@pytest.fixture
def token_file(account, tmp_path) -> Path:
    path = tmp_path / "token"
    write_token(path, account.token())
    return path


@pytest.fixture
def source(kube, cluster, namespace, token_file):
    """source(...): cluster.backends of pgsteer's configuration, as kubernetes_source() says."""
    return functools.partial(kubernetes_source, kube, namespace, cluster.network.port, token_file=token_file)


@pytest.fixture
def gate(kube):
    """What pgsteer may use instead of the API server itself."""
    with Gate(kube) as made:
        yield made


@pytest.fixture
def proxy(cluster, instances, run_pgsteer, source):  # pylint: disable=unused-argument
    """A pgsteer that has found all three, and watches."""
    made = run_pgsteer(cluster, source=source())
    made.wait_standbys(2)
    return made
