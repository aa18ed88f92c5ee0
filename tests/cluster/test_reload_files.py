"""What a reload reads besides the listeners: files, folders, the cluster's name; and the socket that it is ordered over."""
import os
import signal
import stat
import subprocess

from harness.logins import log_in_at_last
from harness.proxy import Pgsteer
from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until


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


# The fence moves with its folder; what the new one remembers of this cluster counts if it is higher.
def test_the_folder_of_the_fence_moves(cluster, run_pgsteer, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    proxy = run_pgsteer(cluster, cluster_keys={"state_dir": str(folders[0])})
    wait_until(lambda: (folders[0] / "fence.json").exists(), what="the fence on disk")
    proxy.edit_config((str(folders[0]), str(tmp_path / "none")))
    refused = proxy.command("reload")
    assert refused.returncode == 2 and "cluster.state_dir: expected a folder that may be written to" in refused.stderr
    proxy.reload((str(tmp_path / "none"), str(folders[1])))
    wait_until(lambda: (folders[1] / "fence.json").exists(), what="the fence in the new folder")
    assert (folders[1] / "fence.json").read_text() == (folders[0] / "fence.json").read_text()


# A typing error in the name of the cluster, and its correction, while the old primary is the only one that answers.
def test_a_wrong_name_forgets_no_fence(cluster, run_pgsteer, tmp_path):
    system = cluster.primary.sql("select system_identifier from pg_control_system()")
    proxy = run_pgsteer(cluster, cluster_keys={"state_dir": str(tmp_path), "system_identifier": int(system)},
                        rw={"hold_timeout": "1s"})
    old = cluster.primary
    old.kill9()
    cluster.promote(next(i for i, b in enumerate(cluster.backends) if b is not old))
    proxy.wait_primary(cluster.primary)
    cluster.primary.stop()
    old.start()
    wait_until(lambda: "below the fence" in proxy.backend_view(old)["reason"], what="a probe of the old primary")
    remembered = (tmp_path / "fence.json").read_text()
    proxy.reload((f"system_identifier: {system}", "system_identifier: 7"))
    wait_until(lambda: "differs from the cluster's 7" in proxy.backend_view(old)["reason"], what="the wrong name")
    proxy.reload(("system_identifier: 7", f"system_identifier: {system}"))
    wait_until(lambda: "below the fence" in proxy.backend_view(old)["reason"], what="the fence again")
    assert proxy.topology()["primary"] is None
    assert (tmp_path / "fence.json").read_text() == remembered


# What `check` would say of a file that is not there: a probe that could not log in would be found in the next failover.
def test_a_missing_password_file_is_refused(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    proxy.edit_config(("probe.password", "probe.passwort"))
    refused = proxy.command("reload")
    assert refused.returncode == 2 and "probe.password_file: expected a readable file" in refused.stderr


# Only its own password clears a probe that was turned away for it.
def test_a_wrong_password_stays_told(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster, probe={"login_interval": "500ms", "primary_login_interval": "200ms"})
    wrong = proxy.folder / "wrong.password"
    wrong.touch(mode=0o600)
    wrong.write_text("wrong\n")
    changed = "outcome of fresh probe logins changed"
    proxy.reload(("probe.password", "wrong.password"))
    wait_until(lambda: proxy.log_text().count(changed) == 3, what="the wrong password at every backend")
    probes = proxy.probes()
    wait_until(lambda: proxy.probes() > probes + 12, what="some more probes")
    assert proxy.log_text().count(changed) == 3
    proxy.reload(("wrong.password", "probe.password"))
    wait_until(lambda: proxy.log_text().count(changed) == 6, what="the right password at every backend")


# A file that never ends, such as a FIFO nobody writes to, must not keep the process.
def test_a_file_that_is_none(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    proxy.config_path.unlink()
    os.mkfifo(proxy.config_path)
    refused = proxy.command("reload")
    assert refused.returncode == 2 and "found one that is no regular file" in refused.stderr
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(PATIENCE) == 0


# tmpfiles has removed it.
def test_a_control_socket_that_is_gone_comes_back(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    proxy.control_path.unlink()
    assert proxy.command("reload").returncode == 3
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(proxy.control_path.exists, what="the socket")
    assert proxy.reload() == "configuration reloaded, nothing has changed\n"


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
    proxy.wait_logged("the configuration file has changed", 1)


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
