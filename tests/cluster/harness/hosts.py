"""Fixtures of the test files whose backends and pgsteer are on hosts of their own: import them by name."""
import os

import pytest

from .cluster import PgCluster
from .network import Network

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def network():
    with Network() as made:
        yield made


@pytest.fixture(scope="module")
def whole_cluster(network):  # pylint: disable=redefined-outer-name
    with PgCluster(network=network) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def proxy_host(network):  # pylint: disable=redefined-outer-name
    """Where pgsteer runs."""
    return network.add("pgsteer")


__all__ = ["needs_root", "network", "proxy_host", "whole_cluster"]
