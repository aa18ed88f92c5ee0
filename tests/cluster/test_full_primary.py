"""Many logins go on at one time, and the primary has few connections."""
import pytest

from harness.cluster import PgCluster
from harness.logins import PendingLogin, addresses_of, retries, wait_held
from harness.proxy import SHARP
from harness.wait import wait_until

# Of these PostgreSQL reserves 3 for superusers, and the probe takes one or two.
MAX_CONNECTIONS = 30
LOGINS = 60
WORK = "select pg_sleep(0.5)"  # Long enough for all of them to meet, where nobody minds.
REFUSALS = ("too many clients already", "remaining connection slots are reserved")


@pytest.fixture(scope="module")
def whole_cluster():
    with PgCluster(backends=1, tls=True, settings={"max_connections": str(MAX_CONNECTIONS)}) as cluster:
        yield cluster


# A full application meets a freeze or a failover: every one of its logins waits, twice as many as there are
# connections. Released in one moment they would fill the primary, and those that are encrypted would be refused where
# nobody can ask again for them.
def test_held_logins_do_not_overrun_the_primary(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, rw={"hold_timeout": "2m"}, **SHARP)
    free = proxy.backend_view(cluster.primary)["connections_free"]
    assert 0 < free <= MAX_CONNECTIONS - 3 - 1
    cluster.primary.freeze()
    wait_until(lambda: not proxy.backend_view(cluster.primary)["rw_eligible"], what="the freeze to be noticed")
    logins = [PendingLogin({**cluster.conninfo(proxy.rw_port), "sslmode": mode}, WORK)
              for _ in range(LOGINS // 2) for mode in ("require", "disable")]
    wait_held(proxy, LOGINS)
    cluster.primary.thaw()
    assert addresses_of(logins) == {cluster.primary.address}
    assert [words for words in REFUSALS if words in cluster.primary.log_text()] == []
    assert retries(proxy) == 0
