"""Who gets which backend, and whose words a client reads when PostgreSQL refuses it."""
import collections

import psycopg2
import pytest

from harness.queries import ask, backend_port, psql
from harness.wait import wait_until


# The one thing users try first.
@pytest.mark.parametrize("route, in_recovery", [("rw", "f"), ("ro", "t")])
def test_psql_prints_the_role_of_the_port(cluster, proxy, route, in_recovery):
    port = proxy.rw_port if route == "rw" else proxy.ro_port
    done = psql(cluster, port, "select pg_is_in_recovery()")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, in_recovery, "")


# A balancer that counts per thread or per connection burst looks even in the long run and is lopsided for one
# application's pool.
def test_200_logins_on_ro_split_evenly(cluster, proxy, connect):
    seen = collections.Counter()
    for _ in range(200):
        connection = connect(proxy.ro_port)
        seen[backend_port(connection)] += 1
        connection.close()
    assert dict(seen) == {standby.port: 100 for standby in cluster.standbys()}


# A pool that opens long sessions one after another, while short ones come and go.
def test_least_sessions_keeps_long_sessions_level(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, ro={"balance": "least-sessions"})
    long_sessions = []
    for i in range(50):
        long_sessions.append(connect(proxy.ro_port))
        if i % 3 == 0:
            connect(proxy.ro_port).close()
            # Its end is seen before the next one is counted.
            wait_until(lambda count=len(long_sessions): proxy.metrics()['pgsteer_sessions{listener="ro"}'] == count)
    seen = collections.Counter(backend_port(connection) for connection in long_sessions)
    assert len(seen) == 2
    assert max(seen.values()) <= 26, seen


# With no standby left prefer-standby gives the primary, and goes back as soon as a standby is there.
def test_ro_falls_back_to_the_primary_and_returns(cluster, proxy, connect):
    for standby in cluster.standbys():
        standby.stop()
    assert backend_port(connect(proxy.ro_port)) == cluster.primary.port
    cluster.repair()
    proxy.wait_standbys(2)
    assert backend_port(connect(proxy.ro_port)) != cluster.primary.port


# A proxy that answers in PostgreSQL's place makes every message a riddle.
@pytest.mark.parametrize("dbname, password, words", [
    ("appdb", "wrong", 'FATAL:  password authentication failed for user "app"'),
    ("missing", None, 'FATAL:  database "missing" does not exist'),
])
def test_postgresqls_own_refusal_reaches_the_client(cluster, proxy, dbname, password, words):
    through = psql(cluster, proxy.rw_port, "select 1", dbname=dbname, password=password)
    direct = psql(cluster, cluster.primary.port, "select 1", dbname=dbname, password=password)
    assert through.returncode == direct.returncode == 2
    assert words in direct.stderr
    assert through.stderr.replace(str(proxy.rw_port), "PORT") == direct.stderr.replace(
        str(cluster.primary.port), "PORT")


# "too many clients" comes before authentication: another standby can be tried, and the client need not know. (The
# refusal of the last, reserved slots comes after it, and is the client's to see.)
def test_a_full_standby_is_passed_over(cluster, proxy, connect):
    full, other = cluster.standbys()
    refusal = fill(connect, full.port) + fill(connect, full.port, host=str(full.socket_folder), user="postgres")
    assert "remaining connection slots are reserved" in refusal and "too many clients" in refusal
    for _ in range(6):
        assert backend_port(connect(proxy.ro_port)) == other.port


def fill(connect, port: int, **changes) -> str:
    """Opens connections until one is refused; returns the refusal."""
    while True:
        try:
            connect(port, **changes)
        except psycopg2.OperationalError as refusal:
            return str(refusal)


def test_topology_and_status_tell_the_same_story(cluster, proxy):
    topology = proxy.topology()
    assert topology["primary"] == cluster.primary.address
    assert topology["system_identifier"] == cluster.primary.sql("select system_identifier from pg_control_system()")
    assert topology["fence_timeline"] == 1
    views = {b["address"]: b for b in topology["backends"]}
    assert views[cluster.primary.address]["rw_eligible"] and not views[cluster.primary.address]["ro_eligible"]
    for standby in cluster.standbys():
        view = views[standby.address]
        assert view["role"] == "standby" and view["ro_eligible"] and not view["rw_eligible"] and view["reason"]


def test_sessions_are_counted_where_they_are(cluster, proxy, connect):
    connection = connect(proxy.rw_port)
    assert ask(connection, "select 1") == 1
    assert proxy.metrics()['pgsteer_sessions{listener="rw"}'] == 1
    assert proxy.backend_view(cluster.primary)["sessions"] == 1
