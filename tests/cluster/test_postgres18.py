"""PostgreSQL 18: protocol 3.2 with its long cancel keys, and TLS without asking first."""
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from harness.cluster import PgCluster
from harness.postgres18 import Unavailable, unpack_postgres18
from harness.processes import give_to_postgres, run

pytestmark = pytest.mark.skipif(bool(os.environ.get("PGSTEER_NO_PG18")), reason="PGSTEER_NO_PG18 is set")


@pytest.fixture(scope="module")
def postgres18():
    folder = Path(tempfile.mkdtemp(prefix="pgsteer-postgres18-"))
    try:
        folder.chmod(0o755)
        give_to_postgres(folder)
        yield unpack_postgres18(folder)
    except Unavailable as reason:
        pytest.fail(f"PostgreSQL 18 cannot be had: {reason}. Set PGSTEER_NO_PG18=1 to go without these tests.")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def whole_cluster(postgres18):  # pylint: disable=redefined-outer-name
    environment = {**os.environ, "LD_LIBRARY_PATH": str(postgres18 / "lib")}
    with PgCluster(backends=1, tls=True, bin_dir=postgres18 / "bin", environment=environment) as cluster:
        yield cluster


@pytest.fixture
def libpq18(cluster, postgres18):  # pylint: disable=redefined-outer-name
    def call(port: int, options: str, statement: str, *flags) -> dict:
        conninfo = (f"host=localhost port={port} user=app password={cluster.app_password} dbname=appdb "
                    f"sslrootcert={cluster.certificates.authority} {options}")
        program = Path(__file__).parent / "harness" / "libpq_client.py"
        command = [sys.executable, "-B", program, postgres18 / "lib" / "libpq.so.5", conninfo, statement, *flags]
        return json.loads(run(command, env={**os.environ, "LD_LIBRARY_PATH": str(postgres18 / "lib")}, timeout=150))

    return call


@pytest.mark.parametrize("route", ["rw_port", "ro_port"])
@pytest.mark.parametrize("options, protocol, uses_tls", [
    ("sslmode=disable", 30000, False),
    ("sslmode=disable min_protocol_version=3.2 max_protocol_version=3.2", 30002, False),
    ("sslmode=disable max_protocol_version=latest", 30002, False),
    ("sslmode=prefer", 30000, True),
    ("sslmode=verify-full channel_binding=require max_protocol_version=3.2", 30002, True),
    ("sslmode=require sslnegotiation=direct", 30000, True),
    ("sslmode=verify-full sslnegotiation=direct channel_binding=require max_protocol_version=3.2", 30002, True),
])
def test_login(proxy, libpq18, route, options, protocol, uses_tls):  # pylint: disable=redefined-outer-name
    report = libpq18(getattr(proxy, route), options, "select current_user")
    assert report["is_ok"], report["error"]
    assert report["value"] == "app" and report["server_version"].startswith("18")
    assert (report["protocol"], report["uses_tls"]) == (protocol, uses_tls)
    if "direct" in options:
        assert report["alpn"] == "postgresql"


# A 3.2 key has 32 bytes; libpq encrypts the request if the session is encrypted.
@pytest.mark.parametrize("options", [
    "sslmode=disable", "sslmode=disable max_protocol_version=3.2", "sslmode=require max_protocol_version=3.2",
    "sslmode=require sslnegotiation=direct max_protocol_version=3.2"])
def test_cancel(proxy, libpq18, options):  # pylint: disable=redefined-outer-name
    report = libpq18(proxy.rw_port, options, "select pg_sleep(600)", "cancel")
    assert report["is_ok"], report["error"]
    assert report["sqlstate"] == "57014"


# A minor version of the future: the server, not the proxy, says which ones it knows (NegotiateProtocolVersion).
def test_wrong_password_with_protocol_3_2(proxy, libpq18):  # pylint: disable=redefined-outer-name
    report = libpq18(proxy.rw_port, "sslmode=disable max_protocol_version=3.2 password=wrong", "select 1")
    assert not report["is_ok"] and "password authentication failed" in report["error"]
