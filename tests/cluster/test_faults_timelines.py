"""Who is who: two primaries on one timeline, standbys that went another way, another cluster on a known address."""
import pytest

from harness.cluster import PgCluster
from harness.logins import address_of, log_in_at_last, readers, wait_readers
from harness.queries import assert_ended
from harness.wait import wait_until
from harness.wire import PgError, WireClient

AMBIGUOUS = "pgsteer_primary_ambiguous"


def turn_into_primary(backend) -> None:
    """Its standby.signal is lost: the next start makes it a primary on the timeline it was on."""
    backend.stop()
    (backend.data / "standby.signal").unlink()
    backend.start()
    assert not backend.is_in_recovery()


def turn_into_standby(cluster, backend, of) -> None:
    """By hand and without pg_rewind: whatever it wrote on its own stays."""
    backend.stop()
    (backend.data / "standby.signal").touch()
    with open(backend.data / "postgresql.auto.conf", "a", encoding="utf-8") as conf:
        conf.write(f"primary_conninfo = '{cluster.conninfo_for_replication(of)}'\n")
    backend.start()
    assert backend.is_in_recovery()


def write_wal(backend, kibibytes: int = 256) -> None:
    backend.sql(f"select pg_logical_emit_message(false, 'x', repeat('x', {kibibytes * 1024}))")


def settle(cluster) -> None:
    """Every standby's control file says which timeline it is on, as it does some minutes after a failover."""
    cluster.primary.sql("checkpoint")
    cluster.wait_replicated()
    for standby in cluster.standbys():
        standby.sql("checkpoint")


def refused_login(cluster, proxy) -> PgError:
    with WireClient(proxy.rw_port) as client, pytest.raises(PgError) as refusal:
        client.login("app", cluster.app_password, "appdb")
    return refusal.value


# A volume restored from a snapshot, or a clone for the developers: the same cluster, the same timeline, and it takes
# writes. Nothing in its answers says that it is wrong but that another was the primary before.
def test_clone_that_lost_standby_signal_is_excluded(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, rw={"hold_timeout": "1s"})
    incumbent, (clone, other) = cluster.primary, cluster.standbys()
    session = connect(proxy.rw_port)
    turn_into_primary(clone)
    clone.sql("create table lies (value int)")
    wait_until(lambda: "second primary" in proxy.backend_view(clone)["reason"], what="the clone to be seen")
    view = proxy.backend_view(clone)
    assert not view["rw_eligible"] and not view["ro_eligible"] and view["timeline"] == 1
    assert proxy.metrics()[AMBIGUOUS] == 1
    alarm = "two primaries on one timeline"
    wait_until(lambda: alarm in proxy.log_text(), what="the alarm in the log")  # Whose thread is another one.
    assert proxy.log_text().count(alarm) == 1
    assert address_of(session) == incumbent.address
    for _ in range(10):
        assert address_of(connect(proxy.rw_port)) == incumbent.address
    assert readers(proxy, connect) == {other.address}
    # The incumbent's death is not the clone's promotion.
    incumbent.kill9()
    refusal = refused_login(cluster, proxy)
    assert refusal.code == "57P03"
    assert readers(proxy, connect) == {other.address}
    incumbent.start()
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == incumbent.address
    clone.stop()


# Seen by a pgsteer that starts in the middle of it, there is no incumbent. Choosing one would be a guess, and another
# pgsteer might guess differently.
def test_two_primaries_of_one_timeline_and_no_memory(cluster, run_pgsteer, connect):
    clone = cluster.standbys()[0]
    turn_into_primary(clone)
    fresh = run_pgsteer(cluster, rw={"hold_timeout": "500ms"}, waits=False)
    wait_until(lambda: fresh.metrics()[AMBIGUOUS] == 1, what="the alarm")
    assert not fresh.topology()["primary"]
    refusal = refused_login(cluster, fresh)
    assert refusal.code == "57P03" and "two backends claim to be primary" in refusal.message
    clone.stop()
    # A silent claimant is still a claimant; only its return as a standby settles it.
    assert refused_login(cluster, fresh).code == "57P03"
    turn_into_standby(cluster, clone, cluster.primary)
    fresh.wait_primary(cluster.primary)
    assert log_in_at_last(cluster.conninfo(fresh.rw_port)) == cluster.primary.address
    assert fresh.metrics()[AMBIGUOUS] == 0
    clone.stop()  # Its pages may differ: a new base backup is all that helps.


def cut_off(cluster, i: int) -> None:
    cluster.backends[i].sql("alter system set primary_conninfo = ''")
    cluster.backends[i].sql("select pg_reload_conf()")
    wait_until(lambda: cluster.backends[i].sql("select count(*) from pg_stat_wal_receiver") == "0",
               what="the end of streaming")


def eligible_lines(log: str, backend, key: str) -> list:
    """Where the log says that the backend became eligible."""
    return [line for line in log.splitlines() if "backend changed" in line and backend.address in line
            and f"{key}=true" in line]


# cloudnative-pg#11251: the old primary had written more than its successor had received, and was started as a standby
# without pg_rewind. It answers, in recovery, and is wrong for ever: its receiver is refused again and again.
def test_standby_beyond_the_switch_is_not_read_from(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, probe={"interval": "50ms", "burst_interval": "5ms"})
    old, old_index = cluster.primary, cluster.primary_index
    successor, other = (i for i in range(3) if i != old_index)
    for i in (successor, other):
        cut_off(cluster, i)
    write_wal(old)
    cluster.promote(successor)
    proxy.wait_primary(cluster.primary)
    write_wal(cluster.primary, 1024)  # Of the same length and more: positions alone do not tell.
    log_before = len(proxy.log_text())
    turn_into_standby(cluster, old, cluster.primary)
    wait_until(lambda: "new timeline 2 forked off current database system timeline 1 before current recovery point"
               in old.log_text(), what="PostgreSQL to find that it went another way")
    proxy.wait_standbys(1)
    wait_readers(proxy, connect, {cluster.backends[other].address})
    for _ in range(30):  # Its receiver comes and goes meanwhile, every wal_retrieve_retry_interval.
        assert readers(proxy, connect, 2) == {cluster.backends[other].address}
    assert eligible_lines(proxy.log_text()[log_before:], old, "ro_eligible") == []
    assert "timeline" in proxy.backend_view(old)["reason"]
    old.stop()


# The other way round: a standby was promoted by mistake and turned back by hand, and its data went another way. It is
# ahead of the primary's timeline. pgsteer was restarted in between and never saw it as a primary.
def test_standby_on_a_timeline_of_its_own_is_not_read_from(cluster, run_pgsteer, connect):
    settle(cluster)
    strayed, other = cluster.standbys()
    strayed.promote()
    write_wal(strayed)
    turn_into_standby(cluster, strayed, cluster.primary)
    write_wal(cluster.primary, 1024)
    wait_until(lambda: "is behind recovery timeline" in strayed.log_text(), what="the receiver to be refused")
    proxy = run_pgsteer(cluster, probe={"interval": "50ms"})
    assert proxy.topology()["primary"] == cluster.primary.address
    for _ in range(30):
        assert readers(proxy, connect, 2) == {other.address}
    assert "timeline" in proxy.backend_view(strayed)["reason"]
    strayed.stop()


# Two failovers within minutes. The standby that is left has not written a restartpoint since the first, so its control
# file still names the old timeline, and with the primary its WAL receiver ends, the only other witness. It was proven
# before, and never goes back without a restart: readers keep it while there is no primary.
def test_second_failover_soon_after_the_first_keeps_the_reader(cluster, run_pgsteer, connect):
    settle(cluster)
    proxy = run_pgsteer(cluster)
    cluster.primary.kill9()
    successor, left = (i for i, b in enumerate(cluster.backends) if b is not cluster.primary)
    cluster.promote(successor)
    proxy.wait_primary(cluster.primary)
    proxy.wait_standbys(1)
    reader = cluster.backends[left]
    cluster.primary.kill9()
    wait_until(lambda: reader.sql("select count(*) from pg_stat_wal_receiver") == "0", what="the end of streaming")
    told = reader.sql("select greatest((select timeline_id from pg_control_checkpoint()), "
                      "(select min_recovery_end_timeline from pg_control_recovery()))")
    assert int(told) < proxy.topology()["fence_timeline"], "the control file tells: nothing was tested"
    for _ in range(30):
        assert readers(proxy, connect, 2) == {reader.address}
    assert not proxy.backend_view(cluster.primary)["rw_eligible"]


# Kubernetes gives a dead pod's address to somebody else's database. It even lets the same users in.
def test_foreign_cluster_on_the_primarys_address_is_never_used(cluster, run_pgsteer, connect):
    settle(cluster)
    proxy = run_pgsteer(cluster, rw={"hold_timeout": "1s"})
    ours, session = cluster.primary, connect(proxy.rw_port)
    ours.kill9()
    assert_ended(session)
    foreign = PgCluster(backends=1)
    foreign.backends[0].port = ours.port
    with foreign:
        assert address_of(connect(foreign.primary.port)) == ours.address, "a client would be let in"
        wait_until(lambda: "differs from the cluster's" in proxy.backend_view(ours)["reason"], what="the stranger")
        authorized = foreign.primary.log_text().count("connection authorized: user=app")
        assert refused_login(cluster, proxy).code == "57P03"
        assert readers(proxy, connect) == {standby.address for standby in cluster.standbys()}
        assert foreign.primary.log_text().count("connection authorized: user=app") == authorized
        view = proxy.backend_view(ours)
        assert not view["rw_eligible"] and not view["ro_eligible"]
    ours.start()
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == ours.address
