"""Fixtures of every folder that tests a real pgsteer before real clusters: its conftest.py imports them all.

One cluster and one pgsteer per test file; a test that breaks the cluster leaves it to be repaired.
PGSTEER_DATA_FOLDER: where the clusters keep their data; by default in memory, if there is room.
"""
import os
from pathlib import Path

import psycopg2
import pytest

from .cluster import PgCluster
from .folders import memory_folder
from .logins import CONNECT_SECONDS
from .proxy import Pgsteer, patient

os.environ.setdefault("PGSTEER_DATA_FOLDER", memory_folder())


@pytest.fixture(scope="session")
def binary() -> Path:
    path = Path(os.environ.get("PGSTEER_BINARY", ""))
    if not path.is_file():
        pytest.exit("set PGSTEER_BINARY to the program under test, e.g. build/dev/src/pgsteer", returncode=2)
    return path.resolve()


@pytest.fixture(scope="module")
def whole_cluster():
    with PgCluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(whole_cluster):
    """The file's cluster, in full strength at the start of each test."""
    whole_cluster.repair()
    return whole_cluster


@pytest.fixture
def run_pgsteer(binary, request):
    """run_pgsteer(cluster, ...) starts one more pgsteer, a patient one; each must end with exit code 0."""
    running = []

    def start(cluster, **options) -> Pgsteer:
        proxy = Pgsteer(cluster, binary, **patient(**options))
        running.append(proxy)
        return proxy.__enter__()

    yield start
    failed = getattr(request.node, "failed", False)  # tidy: allow node - pytest's word
    errors = []
    for proxy in running:
        if failed:
            print(f"--- log of pgsteer on {proxy.rw_port}/{proxy.ro_port} ends:\n{proxy.log_text()[-8000:]}")
        try:
            proxy.__exit__(RuntimeError if failed else None)
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed = True


@pytest.fixture
def proxy(cluster, run_pgsteer) -> Pgsteer:
    return run_pgsteer(cluster)


@pytest.fixture
def connect(cluster):
    """connect(port, **changes): a psycopg2 connection in autocommit, closed when the test ends."""
    opened = []

    def open_one(port: int, **changes):
        connection = psycopg2.connect(**{**cluster.conninfo(port), "connect_timeout": CONNECT_SECONDS, **changes})
        connection.autocommit = True
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


__all__ = ["binary", "cluster", "connect", "proxy", "pytest_runtest_makereport", "run_pgsteer", "whole_cluster"]
