"""The dashboard's row for Kubernetes, the only one that tests/observability cannot fill, by a real Prometheus."""
import math
import sys
from pathlib import Path

import pytest

from harness.wait import wait_until

sys.path.append(str(Path(__file__).parents[1] / "observability"))
from observed.dashboard import ALL, load, substitute, targets  # noqa: E402  pylint: disable=wrong-import-position
from observed.prometheus import Prometheus  # noqa: E402  pylint: disable=wrong-import-position

WINDOWS = {"__rate_interval": "10s", "__interval": "1s", "__range": "60s"}
CHOICE = {"namespace": ALL, "job": ALL, "listener": ALL, "backend": ALL}


def of_kubernetes(target) -> bool:
    names = target.metrics()
    return bool(names) and all(name.startswith("pgsteer_discovery_") for name in names)


@pytest.fixture
def prometheus(proxy, namespace, tmp_path):
    """It scrapes a pgsteer that watches pods."""
    address = f"127.0.0.1:{proxy.admin_port}"
    labels = {"namespace": namespace, "pod": "pgsteer-0"}
    with Prometheus(tmp_path, {f"{namespace}/pgsteer": (address, labels)}) as made:
        yield made


def test_panels_show_something(cluster, instances, kube, prometheus):
    shown = [target for target in targets(load()) if of_kubernetes(target)]
    assert len(shown) == 5, [target.title for target in shown]
    wait_until(lambda: prometheus.series("pgsteer_discovery_watching == 1"), what="a watch to be scraped")
    instances.remove(cluster.standbys()[0])
    kube.server.kill9()
    wait_until(lambda: prometheus.series("pgsteer_discovery_errors_total > 0"), what="an error to be scraped")
    kube.server.start()
    for target in shown:
        query = substitute(target.query, {**WINDOWS, **CHOICE})
        wait_until(lambda asked=query: [value for _, value in prometheus.series(asked) if math.isfinite(value)],
                   what=f"{target.title}: {query}")
