"""TLS is the client's and the backend's own affair: pgsteer passes it through and is blind from then on."""
import signal
import socket
import ssl
import threading
import time

import psycopg2
import pytest

from harness.cluster import PgCluster
from harness.proxy import patient
from harness.queries import ask, assert_ended, psql
from harness.wait import PATIENCE, wait_until
from harness.wire import SSL_REQUEST, WireClient, query_packet

TLS_USED = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"


@pytest.fixture(scope="module")
def whole_cluster():
    with PgCluster(tls=True) as cluster:
        yield cluster


@pytest.mark.parametrize("port", ["rw_port", "ro_port"])
@pytest.mark.parametrize("mode, uses_tls", [
    ("disable", "f"), ("allow", "f"), ("prefer", "t"), ("require", "t"), ("verify-ca", "t"), ("verify-full", "t")])
def test_sslmode(cluster, proxy, mode, uses_tls, port):
    options = f"sslmode={mode} sslrootcert={cluster.certificates.authority}"
    done = psql(cluster, getattr(proxy, port), TLS_USED, options=options)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, uses_tls, "")


# A proxy that terminates TLS with a certificate of its own breaks this; passthrough does not.
@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_scram_with_channel_binding(cluster, proxy, mode):
    options = f"sslmode={mode} sslrootcert={cluster.certificates.authority} channel_binding=require"
    done = psql(cluster, proxy.rw_port, TLS_USED, options=options)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "t", "")


# The certificate is checked against the name the client used: a wrong one must fail, or nothing was verified.
def test_verify_full_refuses_a_foreign_authority(cluster, proxy):
    options = "sslmode=verify-full sslrootcert=/etc/ssl/certs/ca-certificates.crt"
    done = psql(cluster, proxy.rw_port, TLS_USED, options=options)
    assert done.returncode == 2
    assert "certificate verify failed" in done.stderr or "does not exist" in done.stderr


# On a backend without TLS the client reads 'N' and goes on in the clear on the same connection.
def test_prefer_and_require_on_a_backend_without_tls(run_pgsteer):
    with PgCluster(backends=1) as plain:
        proxy = run_pgsteer(plain)
        done = psql(plain, proxy.rw_port, TLS_USED, options="sslmode=prefer")
        assert (done.returncode, done.stdout.strip()) == (0, "f"), done.stderr
        done = psql(plain, proxy.rw_port, TLS_USED, options="sslmode=require")
        assert done.returncode == 2 and "server does not support SSL, but SSL was required" in done.stderr
        # gssencmode: GSSENCRequest comes first, is answered 'N', and the login goes on.
        done = psql(plain, proxy.rw_port, "select 1", options="sslmode=disable gssencmode=prefer")
        assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


def test_wrong_password_over_tls_reads_as_postgresql_wrote_it(cluster, proxy):
    done = psql(cluster, proxy.rw_port, "select 1", password="wrong", options="sslmode=require")
    assert done.returncode == 2 and 'password authentication failed for user "app"' in done.stderr


# A TLS login finds its way through a failover like any other: it is held before the first byte is answered.
def test_tls_login_after_a_failover(cluster, proxy):
    cluster.primary.kill9()
    cluster.promote(next(i for i, b in enumerate(cluster.backends) if b is not cluster.primary))
    done = psql(cluster, proxy.rw_port, "select pg_is_in_recovery()", options="sslmode=require")
    assert (done.returncode, done.stdout.strip()) == (0, "f"), done.stderr


# A smart shutdown waits for sessions, and whether one of these is in a transaction nobody sees. One that is owed an answer
# gets it, and one that is never quiet for long leaves at a shorter pause: nothing that was sent is lost.
def test_encrypted_sessions_make_way_once_they_are_quiet(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, **patient())
    idle, waiting, busy = (connect(proxy.rw_port, sslmode="require") for _ in range(3))
    for session in (idle, waiting, busy):
        session.autocommit = True
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(waiting, "select 42 from pg_sleep(4)")))
    asking.start()
    wait_until(lambda: cluster.primary.sql("select count(*) from pg_stat_activity where query like '%pg_sleep(4)'"
                                           " and state = 'active' and pid <> pg_backend_pid()") == "1",
               what="the query that takes a while")
    cluster.primary.postmaster.send_signal(signal.SIGTERM)
    asked = 0
    with pytest.raises(psycopg2.OperationalError):
        while True:
            assert ask(busy, "select 1") == 1
            asked += 1
            time.sleep(0.02)  # Its pause: what this test is about.
    asking.join(PATIENCE)
    assert answers == [42]
    assert asked >= 10, "at first only a longer pause is one"
    for session in (idle, waiting):
        assert_ended(session)
    cluster.primary.postmaster.wait(PATIENCE)
    assert proxy.metrics()['pgsteer_sessions_closed_total{listener="rw",reason="backend_shutting_down"}'] == 3


# By the operator's order, for which nothing is urgent.
def test_encrypted_sessions_leave_a_drained_backend_once_they_are_quiet(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    idle, waiting = (connect(proxy.rw_port, sslmode="require") for _ in range(2))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(waiting, "select 42 from pg_sleep(8)")))
    asking.start()
    done = proxy.command("backend", "drain", cluster.primary.address)
    assert done.returncode == 0, done.stderr
    assert_ended(idle)
    asking.join(PATIENCE)
    assert answers == [42]
    assert_ended(waiting)
    wait_until(lambda: proxy.closed_sessions("backend_drained") == 2, what="both to be accounted for")


def log_in_encrypted(cluster, port: int, receive_buffer: int) -> WireClient:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.settimeout(PATIENCE)
    plain.connect(("127.0.0.1", port))
    plain.sendall(SSL_REQUEST)
    assert plain.recv(1) == b"S"
    tls = ssl.create_default_context(cafile=cluster.certificates.authority).wrap_socket(plain, server_hostname="localhost")
    return WireClient.over(tls).login("app", cluster.app_password, "appdb")


# It has been answered and nothing moves; what it asks next must not cost it the rest of its answer.
def test_encrypted_session_that_reads_late_loses_no_answer(cluster, run_pgsteer, connect):
    cluster.primary.sql("create table late (n int); grant all on late to app", database="appdb")
    proxy = run_pgsteer(cluster, **patient(cluster_keys={"encrypted_idle_time": "10ms"}))
    other = connect(proxy.rw_port, sslmode="require")
    late = log_in_encrypted(cluster, proxy.rw_port, receive_buffer=4096)
    late.socket.sendall(query_packet("select repeat('x', 300000)") + query_packet("insert into late values (1)"))
    count = "select count(*) from late"
    wait_until(lambda: cluster.primary.sql(count, database="appdb") == "1", what="the insertion")
    cluster.primary.postmaster.send_signal(signal.SIGTERM)
    assert_ended(other)
    time.sleep(1)  # A hundred times what it has to be quiet for.
    late.send_query("insert into late values (2)")
    everything = late.read_to_end()
    assert b"x" * 300_000 in everything
    cluster.primary.postmaster.wait(PATIENCE)
    cluster.primary.start()
    assert everything.count(b"INSERT 0 1") == int(cluster.primary.sql(count, database="appdb"))


def test_encrypted_session_that_pauses_is_spared_for_as_long_as_the_operator_wants(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, **patient(cluster_keys={"encrypted_idle_time": "1h"}))
    clear, encrypted = connect(proxy.rw_port, sslmode="disable"), connect(proxy.rw_port, sslmode="require")
    cluster.primary.postmaster.send_signal(signal.SIGTERM)
    assert_ended(clear)
    assert ask(encrypted, "select 42") == 42
    encrypted.close()
    cluster.primary.postmaster.wait(PATIENCE)
