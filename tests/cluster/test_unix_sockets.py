"""Unix sockets on both sides, by PostgreSQL's own names for them, so that drivers and servers need nothing new."""
import hashlib
import io
import os
import socket
import stat
import subprocess
import threading

import psycopg2
import pytest

from harness.logins import under_logins
from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until

MIB = 64
LINE_BYTES = 8192


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture(params=["epoll", "io_uring"])
def unix_proxy(cluster, run_pgsteer, folder, request):
    backends = ", ".join(f'"{each.socket_folder}:{each.port}"' for each in cluster.backends)
    proxy = run_pgsteer(cluster, source=f"static: [{backends}]", rw={"bind": f"{folder}:5432"}, ro={"bind": f"{folder}:5433"},
                        waits=False, extra=f"relay: {{ engine: {request.param} }}\n")
    wait_roles(proxy)
    return proxy


def wait_roles(proxy) -> None:
    wait_until(lambda: all(each["role"] != "unknown" for each in proxy.topology()["backends"]), what="the roles")


def file_of(folder, port: int):
    return folder / f".s.PGSQL.{port}"


def test_sessions_are_routed_and_shown(cluster, unix_proxy, connect, folder):
    writer, reader = connect(5432, host=str(folder)), connect(5433, host=str(folder))
    assert ask(writer, "select pg_is_in_recovery()") is False
    assert ask(reader, "select pg_is_in_recovery()") is True
    assert ask(writer, "select inet_client_addr() is null") is True, "the server's leg is one too"
    assert stat.S_IMODE(os.stat(file_of(folder, 5432)).st_mode) == 0o777
    shown = unix_proxy.topology()
    assert {each["address"] for each in shown["backends"]} == {f"{each.socket_folder}:{each.port}" for each in cluster.backends}
    writer.close()
    unix_proxy.wait_logged("listener=rw client=[local] user=app")
    with pytest.raises(psycopg2.OperationalError, match='role "nobody" does not exist|authentication failed'):
        connect(5432, host=str(folder), user="nobody")


def test_a_copy_both_ways_comes_back_as_it_was(unix_proxy, connect, folder):
    writer = connect(5432, host=str(folder))
    digits = os.urandom(MIB << 19).hex()
    lines = "\n".join(digits[i:i + LINE_BYTES] for i in range(0, len(digits), LINE_BYTES)) + "\n"
    ask(writer, "create table carried (value text)")
    with writer.cursor() as cursor:
        cursor.copy_expert("copy carried from stdin", io.StringIO(lines))
        back = io.StringIO()
        cursor.copy_expert("copy carried to stdout", back)
    assert hashlib.sha256(back.getvalue().encode()).digest() == hashlib.sha256(lines.encode()).digest()
    ask(writer, "drop table carried")
    assert unix_proxy.metrics()['pgsteer_sessions{listener="rw"}'] == 1


def test_a_cancel_finds_its_session(cluster, unix_proxy, connect, folder):
    writer = connect(5432, host=str(folder))

    def cancel_once_asleep():
        sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        wait_until(lambda: cluster.primary.sql(sleeping).strip() == "1", what="a sleeping session")
        writer.cancel()

    thread = threading.Thread(target=cancel_once_asleep)
    thread.start()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        ask(writer, "select pg_sleep(600)")
    thread.join()
    assert unix_proxy.metrics()['pgsteer_cancels_total{result="forwarded"}'] == 1


def test_a_failover_moves_logins(cluster, unix_proxy, connect, folder):
    writer = connect(5432, host=str(folder))
    cluster.primary.kill9()
    assert_ended(writer)
    cluster.promote((cluster.primary_index + 1) % len(cluster.backends))
    assert ask(connect(5432, host=str(folder)), "select pg_is_in_recovery()") is False
    assert unix_proxy.topology()["primary"] == f"{cluster.primary.socket_folder}:{cluster.primary.port}"


# The socket's file is there all the time, and no client is refused or reset.
def test_an_upgrade_and_a_reload_refuse_nobody(cluster, unix_proxy, connect, folder):
    writer = connect(5432, host=str(folder))
    ask(writer, "begin")
    pid = ask(writer, "select pg_backend_pid()")
    with under_logins(cluster, 5432, host=str(folder)) as failures:
        unix_proxy.upgrade()
        unix_proxy.reload(("level: info", "level: debug"))
    assert failures == []
    assert ask(writer, "select pg_backend_pid()") == pid
    ask(writer, "commit")

    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    unix_proxy.reload((f"{folder}:5433", f"{elsewhere}:5433"))
    assert ask(connect(5433, host=str(elsewhere)), "select pg_is_in_recovery()") is True
    wait_until(lambda: not file_of(folder, 5433).exists(), what="the file of a listener that has moved to go")


def test_files_come_and_go_with_their_process(unix_proxy, connect, folder):
    unix_proxy.process.kill()
    unix_proxy.process.wait()
    assert file_of(folder, 5432).is_socket(), "left by a process that was killed"
    unix_proxy.start()
    unix_proxy.wait_logged("pgsteer started", 2)
    wait_roles(unix_proxy)
    assert ask(connect(5432, host=str(folder)), "select 1") == 1
    unix_proxy.stop()
    assert not file_of(folder, 5432).exists()

    with socket.socket(socket.AF_UNIX) as somebody:
        somebody.bind(str(file_of(folder, 5432)))
        somebody.listen()
        refused = subprocess.run([unix_proxy.binary, "run", "--config", unix_proxy.config_path], check=False, text=True,
                                 capture_output=True, timeout=PATIENCE)
        assert f"listener rw: cannot listen on {folder}:5432: Address already in use" in refused.stderr
        assert refused.returncode == 1
    file_of(folder, 5432).unlink()
