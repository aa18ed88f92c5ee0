"""A manager that ends every session on the new primary once more after the promotion, as CloudNativePG does 0.3 to 1.1 s
after it (DropConnections): whoever was let in before loses what is under way.
"""
import pytest

from harness.logins import PendingLogin, wait_held
from harness.proxy import patient

# However long it takes the test to end them.
SETTLES = patient(rw={"hold_timeout": "10m"}, extra="failover: { settle: 9m }\n")
ENDS_ALL = ("select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where backend_type = 'client backend' and pid <> pg_backend_pid()")


def fail_over(cluster, proxy) -> tuple:
    """The new primary is proven and settles, and a login waits for it: both."""
    cluster.primary.kill9()
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    cluster.promote(cluster.backends.index(cluster.standbys()[0]))
    proxy.wait_view(cluster.primary, "role", "primary")
    return cluster.primary, held


# The story of CloudNativePG's failover: promotion, a status that is written, and then all sessions are ended.
def test_logins_wait_until_the_manager_has_ended_all_sessions(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, **SETTLES)
    new, held = fail_over(cluster, proxy)
    view = proxy.backend_view(new)
    assert not view["rw_eligible"] and "settling after its promotion" in view["reason"]
    assert held.is_waiting()
    assert int(new.sql(ENDS_ALL)) >= 1, "pgsteer's own connection is there"
    assert held.address() == new.address
    told = proxy.log_text().split("wait until its promotion has settled")[1]
    assert told.index("new rw logins go there") < told.index("the failover is over")


# By default, without CloudNativePG, nobody waits.
def test_promotion_by_anybody_else_is_used_at_once(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, **patient())
    new, held = fail_over(cluster, proxy)
    assert held.address() == new.address and "settled" not in proxy.log_text()


@pytest.fixture
def managed(cluster):
    """The cluster, with the sign that every CloudNativePG instance manager sets. TLS is off, so nobody reads the file."""
    def write(statement: str) -> None:
        for backend in cluster.backends:
            if backend.is_running():
                backend.sql(statement)
                backend.sql("select pg_reload_conf()")

    write("alter system set ssl_ca_file = '/controller/certificates/client-ca.crt'")
    yield cluster
    write("alter system reset ssl_ca_file")


# Nobody ends anything here: the wait is over with its time.
def test_cloudnativepg_is_known_by_its_sign(managed, run_pgsteer):
    proxy = run_pgsteer(managed, **patient())
    managed.primary.kill9()
    held = PendingLogin(managed.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    managed.promote(managed.backends.index(managed.standbys()[0]))
    assert held.address() == managed.primary.address
    assert "wait until its promotion has settled" in proxy.log_text()


# The same primary comes back on the same timeline: no promotion, and no manager ends anything.
def test_restart_of_the_primary_needs_no_settling(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, **SETTLES)
    cluster.primary.stop()
    held = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    cluster.primary.start()
    assert held.address() == cluster.primary.address and "settled" not in proxy.log_text()
