"""A new configuration is taken in by the running process: all of it or nothing, and no session notices."""
import signal
import socket
import subprocess

import psycopg2
import pytest

from harness.logins import address_of, under_logins
from harness.queries import ask
from harness.wait import PATIENCE, free_port, wait_until

PROBES = "select array_agg(pid order by pid) from pg_stat_activity where application_name = 'pgsteer'"


def refuses(cluster, port: int) -> bool:
    try:
        psycopg2.connect(**{**cluster.conninfo(port), "connect_timeout": PATIENCE}).close()
        return False
    except psycopg2.OperationalError as error:
        return "Connection refused" in str(error)


# The connection pool's maximum is raised, a listener is added for reports, another one goes, the metrics move to
# another port: each used to be a restart, and a restart an outage.
def test_everything_changes_in_place(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, limits={"concurrent_dials": 9}, extra="drain_timeout: 7s\n")
    writer, reader = connect(proxy.rw_port), connect(proxy.ro_port)
    ask(writer, "begin")
    probes = ask(writer, PROBES)
    before = {key: proxy.topology()[key] for key in ("generation", "system_identifier", "fence_timeline", "primary")}
    logged_in = proxy.metrics()['pgsteer_sessions_accepted_total{listener="rw"}']
    reports, old_admin, new_admin = free_port(), proxy.admin_port, free_port()

    proxy.admin_port = new_admin
    said = proxy.reload(
        ('"concurrent_dials": 9', '"concurrent_dials": 10'), (f":{old_admin}", f":{new_admin}"),
        ("level: info", "level: debug"), ("drain_timeout: 7s", "drain_timeout: 8s\nrelay: { buffer: 32KiB }"),
        ('"name": "ro"', '"name": "reports"'), (f'127.0.0.1:{proxy.ro_port}", "route": "prefer-standby"',
                                                f'127.0.0.1:{reports}", "route": "standby"'))
    for line in ("limits.concurrent_dials: 9 -> 10", f"admin.bind: 127.0.0.1:{old_admin} -> 127.0.0.1:{new_admin}",
                 "log.level: info -> debug", "drain_timeout: 7s -> 8s", "relay.buffer: 64KiB -> 32KiB",
                 f"listeners[reports]: (none) -> 127.0.0.1:{reports}, standby",
                 f"listeners[ro]: 127.0.0.1:{proxy.ro_port}, prefer-standby -> (none)", "configuration reloaded"):
        assert line in said.splitlines(), said

    assert ask(connect(reports), "select pg_is_in_recovery()") is True
    assert refuses(cluster, proxy.ro_port)
    assert ask(reader, "select pg_is_in_recovery()") is True, "its listener is gone, and it goes on"
    ask(writer, "commit")
    assert ask(writer, PROBES) == probes, "the probe has logged in anew"
    assert {key: proxy.topology()[key] for key in before} == before
    metrics = proxy.metrics()
    assert metrics['pgsteer_sessions_accepted_total{listener="rw"}'] == logged_in
    assert metrics['pgsteer_limit_max{limit="concurrent_dials"}'] == 10
    assert metrics['pgsteer_sessions{listener="ro"}'] == 1
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", old_admin), PATIENCE)
    assert "concurrent_dials: 10" in proxy.command("config").stdout
    proxy.wait_logged("configuration changed key=", 7)
    reader.close()
    wait_until(lambda: 'pgsteer_sessions{listener="ro"}' not in proxy.metrics(), what="the counters of ro to go")


# What cannot be changed in place is said each time, and the rest is done.
def test_workers_and_engine_wait_for_a_restart(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, extra="workers: 1\nrelay: { engine: epoll }\ndrain_timeout: 7s\n")
    for _ in range(2):
        said = proxy.reload()
        assert "configuration reloaded, nothing has changed\n" == said
    said = proxy.reload(("workers: 1", "workers: 2"), ("engine: epoll", "engine: io_uring"), ("7s", "8s"))
    assert "drain_timeout: 7s -> 8s\n" in said
    for key in ("workers", "relay.engine"):
        assert f"{key}: not changed before the next start\n" in said
        proxy.wait_logged(f"configuration changed, with effect at the next start only key={key}")
    assert "workers: 1\n" in proxy.command("config").stdout
    assert "workers: 1 -> 2\n" in proxy.reload()


BROKEN = [
    ("interval: fast", '"user": "pgsteer"', '"user": "pgsteer", "interval": "fast"'),
    ("an unknown key", '"user": "pgsteer"', '"user": "pgsteer", "usr": "pgsteer"'),
    ("no listener", "listeners:\n", "listener:\n"),
    ("two of one name", '"name": "ro"', '"name": "rw"'),
    ("no route", '"route": "primary"', '"rout": "primary"'),
    ("no backend", "static: [", "static: [], xstatic: ["),
    ("a tab", "listeners:\n", "listeners:\n\t"),
    ("a level", "level: info", "level: loud"),
    ("two documents", "listeners:\n", "---\nlisteners:\n"),
]


# A typing error in the file of a proxy that serves: the command says what `check` says, and nothing has happened.
@pytest.mark.parametrize("wrong, old, new", BROKEN, ids=[each[0] for each in BROKEN])
def test_a_broken_file_changes_nothing(cluster, run_pgsteer, connect, wrong, old, new):
    del wrong
    proxy = run_pgsteer(cluster)
    session = connect(proxy.rw_port)
    good = proxy.config_path.read_text()
    effective = proxy.command("config").stdout
    proxy.edit_config(("info", "info"), (f'"bind": "127.0.0.1:{proxy.rw_port}"', f'"bind": "127.0.0.1:{free_port()}"'),
                      (old, new))
    done = proxy.command("reload")
    checked = subprocess.run([str(proxy.binary), "check", "--config", str(proxy.config_path)], capture_output=True,
                             text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == checked.stderr and str(proxy.config_path) in done.stderr
    assert proxy.command("config").stdout == effective
    proxy.wait_logged("configuration not reloaded: the present one stays")
    assert ask(session, "select 1") == 1
    assert ask(connect(proxy.rw_port), "select 1") == 1
    proxy.config_path.write_text(good)
    assert proxy.reload() == "configuration reloaded, nothing has changed\n"


# The port of a new listener is somebody else's: the file is good, and cannot be had here.
def test_a_taken_port_changes_nothing(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 7s\n")
    effective = proxy.command("config").stdout
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for old in (proxy.rw_port, proxy.admin_port):
            proxy.edit_config((f"127.0.0.1:{old}", f"127.0.0.1:{port}"), ("drain_timeout: 7s", "drain_timeout: 8s"))
            done = proxy.command("reload")
            assert done.returncode == 1
            assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
            proxy.edit_config((f"127.0.0.1:{port}", f"127.0.0.1:{old}"), ("drain_timeout: 8s", "drain_timeout: 7s"))
    assert proxy.command("config").stdout == effective
    assert ask(connect(proxy.rw_port), "select 1") == 1
    assert proxy.is_ready()


# As other programs do it. Without a state_dir, too.
def test_sighup_reloads(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 7s\n")
    session = connect(proxy.rw_port)
    proxy.edit_config(("drain_timeout: 7s", "drain_timeout: 8s"))
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded changes=1" in proxy.log_text(), what="the reload")
    assert "configuration changed key=drain_timeout before=7s after=8s" in proxy.log_text()
    proxy.edit_config(("drain_timeout: 8s", "drain_timeout: soon"))
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration not reloaded" in proxy.log_text(), what="the refusal")
    assert 'expected a duration from 0s to 24h' in proxy.log_text()
    assert ask(session, "select 1") == 1


# A standby is added to the list, another one taken off; the sessions that it has stay.
def test_backends_come_and_go(cluster, run_pgsteer, connect):
    standbys = [b.address for b in cluster.standbys()]
    listed = f'"{cluster.primary.address}", "{standbys[0]}"'
    proxy = run_pgsteer(cluster, source=f"static: [{listed}]", waits=False)
    proxy.wait_standbys(1)
    reader, writer = connect(proxy.ro_port), connect(proxy.rw_port)
    assert address_of(reader) == standbys[0]
    said = proxy.reload((listed, f'"{cluster.primary.address}", "{standbys[1]}"'))
    assert "cluster.backends.static" in said
    wait_until(lambda: standbys[1] in {b["address"] for b in proxy.topology()["backends"] if b["ro_eligible"]},
               what="the new standby")
    assert {address_of(connect(proxy.ro_port)) for _ in range(4)} == {standbys[1]}
    assert address_of(reader) == standbys[0] and ask(writer, "select 1") == 1
    reader.close()
    wait_until(lambda: standbys[0] not in {b["address"] for b in proxy.topology()["backends"]},
               what="the old standby to be forgotten")
    assert proxy.topology()["primary"] == cluster.primary.address


# rw and ro exchange their ports while clients come: whoever waits to be accepted is served by the one that has the
# port by then.
def test_listeners_exchange_ports(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    rw, ro = f'"bind": "127.0.0.1:{proxy.rw_port}"', f'"bind": "127.0.0.1:{proxy.ro_port}"'
    in_recovery = "select pg_is_in_recovery()"
    with under_logins(cluster, proxy.rw_port, proxy.ro_port) as failures:
        for _ in range(5):
            proxy.reload((rw, "one"), (ro, "two"), ("one", ro), ("two", rw))
            assert ask(connect(proxy.ro_port), in_recovery) is False
            assert ask(connect(proxy.rw_port), in_recovery) is True
            proxy.reload((ro, "one"), (rw, "two"), ("one", rw), ("two", ro))
            assert ask(connect(proxy.rw_port), in_recovery) is False
    assert failures == []


# From one address to all of them and back: the new socket listens before the old one is closed.
def test_a_listener_moves_to_all_addresses_and_back(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    with under_logins(cluster, proxy.rw_port) as failures:
        for _ in range(10):
            proxy.reload((f"127.0.0.1:{proxy.rw_port}", f"0.0.0.0:{proxy.rw_port}"))
            proxy.reload((f"0.0.0.0:{proxy.rw_port}", f"127.0.0.1:{proxy.rw_port}"))
    assert failures == []
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):  # the port is not shared with whoever comes
            rival.bind(("127.0.0.1", proxy.rw_port))


# Reload after reload, good ones and broken ones, while sessions work: nobody notices.
def test_reloads_under_load(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 30s\n")
    busy, idle = connect(proxy.rw_port), connect(proxy.ro_port)
    ask(busy, "begin")
    ask(busy, "create temp table sums (n int)")
    good = proxy.config_path.read_text()
    with under_logins(cluster, proxy.rw_port, proxy.ro_port) as failures:
        for i in range(40):
            proxy.config_path.write_text(good.replace("drain_timeout: 30s", f"drain_timeout: {31 + i}s"))
            assert proxy.command("reload").returncode == 0
            proxy.config_path.write_text(good.replace("drain_timeout", "drain_time"))
            assert proxy.command("reload").returncode == 2
            ask(busy, f"insert into sums values ({i})")
    assert failures == []
    assert ask(busy, "select sum(n) from sums") == sum(range(40))
    assert ask(idle, "select 1") == 1
    proxy.wait_logged("configuration reloaded changes=1", 40)


# The admin port goes where a listener was, and the listener where the admin port was; and back.
def test_admin_port_and_listener_exchange_ports(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    for _ in range(2):
        ro, admin = proxy.ro_port, proxy.admin_port
        proxy.reload((f'127.0.0.1:{ro}"', "one"), (f'127.0.0.1:{admin}"', "two"), ("one", f'127.0.0.1:{admin}"'),
                     ("two", f'127.0.0.1:{ro}"'))
        proxy.ro_port, proxy.admin_port = admin, ro
        assert ask(connect(proxy.ro_port), "select pg_is_in_recovery()") is True
        assert proxy.is_ready()
