"""A new process takes over from the running one: the port, the sessions, and what is known of the backends."""
import hashlib
import os
import random
import signal
import subprocess
import threading
import time

import psycopg2
import pytest

from harness.backend import PSQL
from harness.cluster import PgCluster
from harness.logins import PendingLogin, under_logins, wait_held
from harness.processes import Orphan, adopt_orphans, is_alive
from harness.queries import ask
from harness.wait import PATIENCE, wait_until
from harness.wire import WireClient

COPY_ROWS = 400_000
KILLS = 12


@pytest.fixture(scope="module")
def whole_cluster():
    with PgCluster(tls=True) as cluster:
        yield cluster


PLAIN = {"sslmode": "disable"}


def psql_copy(cluster, port: int, statement: str, sslmode: str, **pipes) -> subprocess.Popen:
    command = [PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-U", "app", "-d", "appdb",
               "-c", statement]
    # Two scans of one table at once would begin at different rows.
    environment = {**os.environ, "PGPASSWORD": cluster.app_password, "PGSSLMODE": sslmode, "LC_ALL": "C",
                   "PGOPTIONS": "-c synchronize_seqscans=off"}
    return subprocess.Popen(command, env=environment, **pipes)


class Downloads(threading.Thread):
    """A table, copied out again and again; the digests of what came."""

    def __init__(self, cluster, port: int, sslmode: str):
        super().__init__(daemon=True)
        self.cluster, self.port, self.sslmode = cluster, port, sslmode
        self.digests, self.is_over = [], threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            process = psql_copy(self.cluster, self.port, r"\copy carried to stdout", self.sslmode,
                                stdout=subprocess.PIPE)
            digest = hashlib.sha256()
            while data := process.stdout.read(1 << 16):
                digest.update(data)
            self.digests.append(digest.hexdigest() if process.wait(PATIENCE) == 0 else "psql failed")


# What everybody has on a proxy at once, over three upgrades in a row.
def test_nobody_notices(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    idle, reader, writer, listener = (connect(port, **PLAIN) for port in (proxy.rw_port, proxy.ro_port, proxy.rw_port,
                                                                          proxy.rw_port))
    encrypted = connect(proxy.rw_port, sslmode="require")
    everybody = [idle, reader, writer, listener, encrypted]
    pids = [ask(session, "select pg_backend_pid()") for session in everybody]
    ask(idle, "drop table if exists carried")
    ask(idle, f"create table carried as select n, md5(n::text) as t from generate_series(1, {COPY_ROWS}) n")
    ask(listener, "listen news")
    ask(writer, "begin")
    ask(writer, "create temporary table kept as select 7 as n")
    before = proxy.topology()
    downloads = [Downloads(cluster, proxy.rw_port, sslmode) for sslmode in ("disable", "require")]
    for each in downloads:
        each.start()
    sleeper = PendingLogin(cluster.conninfo(proxy.rw_port), work="select pg_sleep(3)")
    with under_logins(cluster, proxy.rw_port, proxy.ro_port) as failures:
        for _ in range(3):
            old = proxy.process.pid
            proxy.upgrade()
            assert proxy.process.pid != old
            done = [len(each.digests) for each in downloads]
            wait_until(lambda d=done: all(len(each.digests) > n for each, n in zip(downloads, d)),
                       what="downloads that began before the upgrade")
    for each in downloads:
        each.is_over.set()
        each.join()
    assert failures == []
    assert sleeper.address()
    rows = (b"%d\t%s\n" % (n, hashlib.md5(str(n).encode()).hexdigest().encode()) for n in range(1, COPY_ROWS + 1))
    assert {digest for each in downloads for digest in each.digests} == {hashlib.sha256(b"".join(rows)).hexdigest()}
    assert ask(writer, "select n from kept") == 7
    ask(writer, "commit")
    ask(idle, "notify news, 'late edition'")
    assert ask(listener, "select 1") == 1
    assert [each.payload for each in listener.notifies] == ["late edition"]
    assert [ask(session, "select pg_backend_pid()") for session in everybody] == pids
    assert ask(encrypted, "select ssl from pg_stat_ssl where pid = pg_backend_pid()") is True
    after = proxy.topology()
    for key in ("primary", "fence_timeline", "system_identifier"):
        assert after[key] == before[key]


# The other way round: rows go in while the process is replaced.
def test_an_upload_goes_on(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    session = connect(proxy.rw_port)
    ask(session, "drop table if exists uploaded")
    ask(session, "create table uploaded (n int, t text)")
    rng = random.Random(2)
    upload = psql_copy(cluster, proxy.rw_port, r"\copy uploaded from stdin", "disable", stdin=subprocess.PIPE)
    digest = hashlib.md5()
    for chunk in range(40):
        rows = [(chunk * 1000 + i, rng.randbytes(200).hex()) for i in range(1000)]
        digest.update("".join(text for _, text in rows).encode())
        upload.stdin.write(b"".join(b"%d\t%s\n" % (n, text.encode()) for n, text in rows))
        if chunk in (10, 20, 30):
            proxy.upgrade()
    upload.stdin.close()
    assert upload.wait(PATIENCE) == 0
    assert ask(session, "select md5(string_agg(t, '' order by n)) from uploaded") == digest.hexdigest()


# The key of a session is known to whichever process has it, and to the one that had it no more.
def test_a_query_is_cancelled(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    session = connect(proxy.ro_port, **PLAIN)
    with pytest.raises(psycopg2.errors.QueryCanceled):
        def cancel_later() -> None:
            proxy.upgrade()
            wait_until(lambda: proxy.metrics()['pgsteer_sessions{listener="ro"}'] == 1, what="the session")
            session.cancel()
        thread = threading.Thread(target=cancel_later)
        thread.start()
        try:
            ask(session, "select pg_sleep(600)")
        finally:
            thread.join()
    assert any(name.startswith("pgsteer_cancels_total") and 'result="forwarded"' in name and value == 1
               for name, value in proxy.metrics().items())


# A failover is under way: whoever waits for its end is served by the process that he came to.
def test_held_logins_are_served(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    primary = cluster.primary
    primary.kill9()
    wait_until(lambda: proxy.topology()["primary"] is None or not proxy.backend_view(primary)["rw_eligible"],
               what="the primary to be missed")
    held = [PendingLogin(cluster.conninfo(proxy.rw_port)) for _ in range(5)]
    wait_held(proxy, 5)
    adopt_orphans()
    done = proxy.command("upgrade")
    assert done.returncode == 0, done.stderr
    late = PendingLogin(cluster.conninfo(proxy.rw_port))
    cluster.promote(cluster.backends.index(cluster.standbys()[0]))
    for login in [*held, late]:
        assert login.address() == cluster.primary.address
    assert proxy.process.wait(PATIENCE) == 0
    proxy.process = Orphan(int(done.stdout.split()[1]))


# A typing error, a program that is none, a password that the backends refuse: the process that runs is the better one.
@pytest.mark.parametrize("words, change, complaint", [
    (("--binary", "/bin/false"), None, "the new process has ended"),
    (("--binary", "/etc/passwd"), None, "cannot start /etc/passwd: Permission denied"),
    ((), ("listeners:\n", "listenrs:\n"), "the new process has ended"),
    ((), ('"user": "pgsteer"', '"user": "nobody"'), "it finds no primary")])
def test_a_successor_that_is_no_good_changes_nothing(cluster, run_pgsteer, connect, words, change, complaint):
    proxy = run_pgsteer(cluster)
    session = connect(proxy.rw_port)
    if change:
        proxy.edit_config(change)
    done = proxy.command("upgrade", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert complaint in done.stderr and "the running pgsteer goes on" in done.stderr
    assert proxy.process.poll() is None
    assert ask(session, "select 1") == 1
    assert ask(connect(proxy.rw_port), "select 1") == 1
    if change:
        proxy.edit_config(tuple(reversed(change)))
    proxy.upgrade()
    assert ask(session, "select 1") == 1


def test_nobody_to_take_over_from_is_no_obstacle(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    proxy.stop()
    proxy.start("--take-over")
    proxy.wait_ready()
    proxy.wait_logged("there is no process to take over from, starting as usual")
    session = connect(proxy.rw_port)
    old, proxy.process = proxy.process, None
    proxy.start("--take-over")
    assert old.wait(PATIENCE) == 0
    proxy.wait_ready()
    assert ask(session, "select 1") == 1


def sessions_of(cluster, proxy, count: int) -> list:
    return [WireClient(proxy.rw_port).login("app", cluster.app_password, "appdb") for _ in range(count)]


def lives(client) -> bool:
    try:
        return client.query("select 1") == [["1"]]
    except Exception:  # pylint: disable=broad-except
        return False


# Power that fails in the middle of it: whatever the one that is left had by then goes on, and somebody listens.
@pytest.mark.parametrize("victim", ["old", "new"])
def test_either_process_may_be_killed_at_any_step(cluster, run_pgsteer, victim):
    adopt_orphans()
    proxy = run_pgsteer(cluster)
    proxy.good_exit_codes = {0, -signal.SIGKILL}
    for attempt in range(KILLS):
        clients = sessions_of(cluster, proxy, 100)
        upgrade = subprocess.Popen([str(proxy.binary), "upgrade", "--control", str(proxy.control_path)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda n=attempt: proxy.log_text().count("upgrading: another process is started") == n + 1,
                   what="the new process to be started")
        new = int(proxy.log_text().rsplit("upgrading: another process is started", 1)[1].split("pid=")[1].split()[0])
        old = proxy.process
        failures = failed(proxy)
        time.sleep(0.03 + 0.004 * attempt)
        killed = old.pid if victim == "old" else new
        os.kill(killed, signal.SIGKILL)
        upgrade.communicate(timeout=PATIENCE)
        successor = Orphan(new)
        if victim == "old":
            old.wait(PATIENCE)
        else:
            wait_until(lambda pid=new: not is_alive(pid), what="the new process to be gone")
            if upgrade.returncode == 0:  # it had everything by then
                wait_until(lambda n=failures: old.poll() is not None or failed(proxy) > n, what="the old process to leave")
        survivor = old if old.poll() is None else successor
        if survivor is successor and victim == "new":
            successor.wait(PATIENCE)  # its last thread may take a while
        if survivor.poll() is not None:
            proxy.process = None
            proxy.start()
        else:
            proxy.process = survivor
        proxy.wait_ready()
        assert ask_once(cluster, proxy) == 1
        living = [client for client in clients if lives(client)]
        wait_until(lambda n=len(living): proxy.metrics()['pgsteer_sessions{listener="rw"}'] == n,
                   what=f"the sessions of the survivor to be the {len(living)} that live")
        for client in living:
            client.close()
        wait_until(lambda: proxy.metrics()['pgsteer_sessions{listener="rw"}'] == 0, what="the sessions to end")


def failed(proxy) -> int:
    return proxy.log_text().count("the hand-over has failed, going on as before")


def ask_once(cluster, proxy):
    connection = psycopg2.connect(**cluster.conninfo(proxy.rw_port))
    try:
        return ask(connection, "select 1")
    finally:
        connection.close()
