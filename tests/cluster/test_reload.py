"""A new configuration is taken in by the running process: all of it or nothing, and no session notices."""
import os
import signal
import socket
import stat
import subprocess
import threading

import psycopg2
import pytest

from harness.logins import address_of, log_in_at_last
from harness.proxy import Pgsteer
from harness.queries import ask, assert_ended
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
    assert proxy.log_text().count("configuration changed key=") == 7
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
        assert f"configuration changed, with effect at the next start only key={key}" in proxy.log_text()
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
    assert "configuration not reloaded: the present one stays" in proxy.log_text()
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


# The role that probes is replaced, or its password is rotated: the old connection serves until the new one does.
def test_the_probe_logs_in_as_another_role(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    before = proxy.topology()["generation"]
    cluster.primary.sql("create role watcher login password 'watcher-secret'")
    try:
        secret = proxy.folder / "watcher.password"
        secret.touch(mode=0o600)
        secret.write_text("watcher-secret\n")
        count = "select count(*) from pg_stat_activity where usename = 'watcher'"
        wait_until(lambda: all(b.sql("select count(*) from pg_roles where rolname = 'watcher'") == "1"
                               for b in cluster.backends), what="the role on every standby")
        proxy.reload(('"user": "pgsteer"', '"user": "watcher"'), ("probe.password", "watcher.password"))
        wait_until(lambda: all(int(b.sql(count)) >= 1 for b in cluster.backends), what="probes by watcher")
        wait_until(lambda: all(b.sql("select count(*) from pg_stat_activity where usename = 'pgsteer'") == "0"
                               for b in cluster.backends), what="the end of the old connections")
        assert proxy.topology()["generation"] == before, "what is believed has changed meanwhile"
    finally:
        proxy.stop()
        cluster.primary.sql("drop role watcher")


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


class under_logins:
    """Logs in, asks and leaves all the time, at each of these ports; the failures."""

    def __init__(self, cluster, *ports: int):
        self.failures = []
        self._is_over = threading.Event()
        self._rounds = [0] * len(ports)
        self._threads = [threading.Thread(target=self._run, args=(cluster.conninfo(port), i))
                         for i, port in enumerate(ports)]

    def _run(self, conninfo: dict, number: int) -> None:
        while not self._is_over.is_set():
            try:
                connection = psycopg2.connect(**conninfo)
                ask(connection, "select 1")
                connection.close()
            except psycopg2.Error as error:
                self.failures.append(str(error))
            self._rounds[number] += 1

    def __enter__(self) -> list:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: all(self._rounds), what="the first logins")
        return self.failures

    def __exit__(self, *unused) -> None:
        seen = list(self._rounds)
        if unused[0] is None:
            wait_until(lambda: all(now > before for now, before in zip(self._rounds, seen)), what="the last logins")
        self._is_over.set()
        for thread in self._threads:
            thread.join()


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
    assert proxy.log_text().count("configuration reloaded changes=1") == 40


# The fence moves with its folder; what the new one remembers of this cluster counts if it is higher.
def test_the_folder_of_the_fence_moves(cluster, run_pgsteer, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    proxy = run_pgsteer(cluster, cluster_keys={"state_dir": str(folders[0])})
    wait_until(lambda: (folders[0] / "fence.json").exists(), what="the fence on disk")
    proxy.edit_config((str(folders[0]), str(tmp_path / "none")))
    refused = proxy.command("reload")
    assert refused.returncode == 2 and "none: expected an existing folder" in refused.stderr
    proxy.reload((str(tmp_path / "none"), str(folders[1])))
    wait_until(lambda: (folders[1] / "fence.json").exists(), what="the fence in the new folder")
    assert (folders[1] / "fence.json").read_text() == (folders[0] / "fence.json").read_text()


# Only pgsteer's own user may open it; what a killed process has left behind is replaced, a living one's is not.
def test_the_control_socket_belongs_to_one_process(cluster, run_pgsteer, binary):
    proxy = run_pgsteer(cluster)
    assert stat.S_IMODE(os.stat(proxy.control_path).st_mode) == 0o600
    second = Pgsteer(cluster, binary)
    second.edit_config((str(second.control_path), str(proxy.control_path)))
    refused = subprocess.run([str(binary), "run", "--config", str(second.config_path)], capture_output=True, text=True,
                             timeout=PATIENCE, check=False)
    assert refused.returncode == 1
    assert f"control: cannot listen on {proxy.control_path}: Address already in use" in refused.stderr
    second.destroy()
    assert proxy.reload() == "configuration reloaded, nothing has changed\n"
    proxy.process.kill()
    proxy.process.wait()
    assert proxy.command("reload").returncode == 3
    proxy.start()
    proxy.wait_ready()
    assert proxy.reload() == "configuration reloaded, nothing has changed\n"
    elsewhere = proxy.folder / "elsewhere.sock"
    assert "control.socket" in proxy.reload((str(proxy.control_path), str(elsewhere)))
    assert not proxy.control_path.exists()
    proxy.control_path = elsewhere
    assert proxy.reload() == "configuration reloaded, nothing has changed\n"
    proxy.reload((f'control: {{ socket: "{elsewhere}" }}\n', ""))
    assert not elsewhere.exists()
    nobody = proxy.command("reload")
    assert nobody.returncode == 3 and "is control.socket set in its configuration?" in nobody.stderr
    proxy.stop()


# kubelet replaces the link ..data, and all files of the ConfigMap and the Secret with it. Nobody sends a signal.
def test_a_changed_config_map_is_noticed(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 7s\n")
    proxy.stop()
    text = proxy.config_path.read_text()
    volume = proxy.folder / "volume"

    def fill(name: str, config: str, password: str) -> None:
        (volume / name).mkdir(parents=True)
        (volume / name / "pgsteer.yaml").write_text(config)
        (volume / name / "password").write_text(password)
        (volume / "..data_tmp").symlink_to(name)
        (volume / "..data_tmp").rename(volume / "..data")

    secret = (proxy.folder / "probe.password").read_text()
    text = text.replace(str(proxy.folder / "probe.password"), str(volume / "password"))
    fill("..1", text, secret)
    for name in ("pgsteer.yaml", "password"):
        (volume / name).symlink_to(f"..data/{name}")
    proxy.config_path = volume / "pgsteer.yaml"
    proxy.start()
    proxy.wait_ready()
    session = connect(proxy.rw_port)
    fill("..2", text.replace("drain_timeout: 7s", "drain_timeout: 8s"), "wrong\n")
    wait_until(lambda: "configuration changed key=drain_timeout before=7s after=8s" in proxy.log_text(),
               what="the new ConfigMap to be in force")
    wait_until(lambda: proxy.log_text().count("outcome of fresh probe logins changed") == 3, what="the wrong password")
    fill("..3", text.replace("drain_timeout: 7s", "drain_timeout: soon"), secret)
    wait_until(lambda: "configuration not reloaded: the present one stays" in proxy.log_text(), what="the refusal")
    wait_until(lambda: proxy.log_text().count("outcome of fresh probe logins changed") == 6, what="the right password")
    assert ask(session, "select 1") == 1
    assert "drain_timeout: 8s\n" in proxy.command("config").stdout


# On a plain host an editor saves as often as it likes; the operator says when. Unless he wants otherwise.
def test_a_file_elsewhere_is_watched_if_it_says_so(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 7s\nreload_on_change: on\n")
    proxy.edit_config(("drain_timeout: 7s", "drain_timeout: 8s"), ("reload_on_change: on", "reload_on_change: auto"))
    wait_until(lambda: "configuration reloaded changes=2" in proxy.log_text(), what="the reload")
    proxy.edit_config(("drain_timeout: 8s", "drain_timeout: 9s"))
    assert "drain_timeout: 8s -> 9s\n" in proxy.reload()
    assert proxy.log_text().count("the configuration file has changed") == 1


# A value from the environment, as in a container's.
def test_a_value_from_the_environment(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 7s\n")
    proxy.edit_config(("drain_timeout: 7s", "drain_timeout: ${GRACE_FOR_A_TEST}"))
    refused = proxy.command("reload")
    assert refused.returncode == 2 and "GRACE_FOR_A_TEST" in refused.stderr


# The file names another cluster than the one in use: a wrong name would end every session, a right one is no news.
def test_naming_the_cluster(cluster, run_pgsteer, connect):
    system = cluster.primary.sql("select system_identifier from pg_control_system()")
    proxy = run_pgsteer(cluster)
    session = connect(proxy.rw_port)
    generation = proxy.topology()["generation"]
    proxy.reload(("role_ttl:", f"system_identifier: {system}, role_ttl:"))
    assert proxy.topology()["generation"] == generation
    assert ask(session, "select 1") == 1
    proxy.reload((f"system_identifier: {system}", "system_identifier: 7"))
    assert_ended(session)
    wait_until(lambda: not proxy.is_ready(), what="nobody to be of cluster 7")
    proxy.reload(("system_identifier: 7", f"system_identifier: {system}"))
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == cluster.primary.address
