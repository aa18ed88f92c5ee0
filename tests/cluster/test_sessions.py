"""`pgsteer sessions` and `pgsteer session kill`: what a DBA sees of live sessions, and what becomes of one that he ends."""
import json
import re
import threading

import psycopg2
import pytest

from harness.cluster import PgCluster
from harness.logins import PendingLogin, wait_held
from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until
from harness.wire import PgError, WireClient


@pytest.fixture(scope="module")
def whole_cluster():
    with PgCluster(tls=True) as cluster:
        yield cluster


PLAIN = {"sslmode": "disable"}
ENCRYPTED = {"sslmode": "require"}


def listed(proxy, *words: str) -> list:
    done = proxy.command("sessions", "--json", *words)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)["sessions"]


def listed_of(proxy, application: str) -> dict:
    return next(each for each in listed(proxy) if each["application_name"] == application)


def wait_state(proxy, application: str, state: str) -> dict:
    return wait_until(lambda: (found := listed_of(proxy, application))["state"] == state and found,
                      what=f"{application} to be {state}")


def activity(cluster) -> dict:
    """What the server knows of its clients' sessions, by the address that they come from."""
    rows = cluster.primary.sql("select host(client_addr) || ':' || client_port, pid, usename, datname, application_name, "
                               "state from pg_stat_activity where usename = 'app' and client_port > 0").splitlines()
    keys = ("client", "pid", "user", "database", "application", "state")
    return {row.split("|")[0]: dict(zip(keys, row.split("|"))) for row in rows}


class Statement:
    """One that may not end by itself, in a thread of its own; the error that ended it."""

    def __init__(self, connection, text: str):
        self.error = None
        self._connection = connection
        self._thread = threading.Thread(target=self._run, args=(text,), daemon=True)
        self._thread.start()

    def _run(self, text: str) -> None:
        try:
            ask(self._connection, text)
        except psycopg2.Error as error:
            self.error = error

    def join(self):
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the statement still runs"
        return self.error

    def end(self) -> None:
        """Else its connection cannot be closed."""
        if self._thread.is_alive():
            self._connection.cancel()
        self._thread.join(PATIENCE)


@pytest.fixture
def run_statement(connect):  # pylint: disable=unused-argument
    """run_statement(connection, text): one that goes on beside the test; it ends with it, before its connection does."""
    begun = []

    def begin(connection, text: str) -> Statement:
        begun.append(Statement(connection, text))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


SLEEP = "select pg_sleep(1000)"


# The slow query that everybody complains of: the DBA finds it in pg_stat_activity, and wants to know whose it is.
def test_shows_what_the_server_shows(cluster, run_pgsteer, connect, run_statement):
    proxy = run_pgsteer(cluster)
    idle, writer, busy, encrypted = (connect(proxy.rw_port, application_name=name, **mode) for name, mode in (
        ("idler", PLAIN), ("writer", PLAIN), ("sleeper", PLAIN), ("hidden", ENCRYPTED)))
    ask(writer, "begin")
    sleeper = run_statement(busy, SLEEP)
    wait_state(proxy, "sleeper", "busy")
    server = activity(cluster)
    shown = {each["local_address"]: each for each in listed(proxy, "--backend", cluster.primary.address)}
    assert shown.keys() == server.keys()
    states = {}
    for address, row in server.items():
        mine = shown[address]
        assert mine["backend_address"] == cluster.primary.address
        assert mine["listener"] == "rw"
        states[row["application"]] = mine["state"]
        if row["application"] == "hidden":
            assert (mine["user"], mine["database"], mine["application_name"], mine["backend_pid"]) == (None,) * 4
        else:
            assert (mine["user"], mine["database"]) == (row["user"], row["database"]) == ("app", "appdb")
            assert mine["application_name"] == row["application"]
            assert str(mine["backend_pid"]) == row["pid"]
    assert states == {"idler": "idle", "writer": "in transaction", "sleeper": "busy", "hidden": "encrypted"}
    for connection, name in ((idle, "idler"), (writer, "writer")):
        own = ask(connection, "select pg_backend_pid()")
        assert listed_of(proxy, name)["backend_pid"] == own
    busy.cancel()
    assert isinstance(sleeper.join(), psycopg2.errors.QueryCanceled)
    assert ask(encrypted, "select 1") == 1
    wait_state(proxy, "sleeper", "idle")


def test_the_table(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    name = "a\x1b[2J\u202eb"
    connections = [connect(proxy.rw_port, application_name=name, **PLAIN), connect(proxy.ro_port, **ENCRYPTED)]
    done = proxy.command("sessions")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 5 and lines[-1] == "2 sessions"
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
    places = [match.start() for match in re.finditer(r"\S+( \S+)*", lines[0])]
    for line in lines[1:3]:
        assert all(line[at - 1] == " " and line[at] != " " for at in places[1:]), "\n".join(lines)
    assert proxy.command("sessions", "--user", "app").stdout.endswith("\n1 of 2 sessions\n")
    wrong = proxy.command("sessions", "--backend", "10.9.9.9:5432")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert all(backend.address in wrong.stderr for backend in cluster.backends)
    assert [ask(each, "select 1") for each in connections] == [1, 1]


def kill(proxy, session: dict) -> str:
    done = proxy.command("session", "kill", session["id"])
    assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def wait_gone(cluster, session: dict) -> None:
    wait_until(lambda: session["local_address"] not in activity(cluster), what="the server's process to be gone")


def test_an_idle_session_is_told(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    client = WireClient(proxy.rw_port).login("app", cluster.app_password, "appdb")
    session, = listed(proxy)
    assert kill(proxy, session) == f"session {session['id']} of app@appdb from {session['client']} is ended\n"
    kind, body = client.read_message()
    assert (kind, PgError(body).code) == (b"E", "57P01")
    assert PgError(body).message == "terminating connection due to administrator command"
    assert client.read_to_end() == b""
    client.close()
    wait_gone(cluster, session)
    proxy.wait_logged(f"session ended session={session['id']} ")
    assert proxy.closed_sessions("killed") == 1


# Its locks are what the others wait for.
def test_a_transaction_is_rolled_back(cluster, run_pgsteer, connect, run_statement):
    proxy = run_pgsteer(cluster)
    writer = connect(proxy.rw_port, application_name="writer", **PLAIN)
    ask(writer, "drop table if exists locked")
    ask(writer, "create table locked (n int)")
    ask(writer, "begin")
    ask(writer, "insert into locked values (1)")
    ask(writer, "lock table locked")
    reader = run_statement(connect(proxy.rw_port, **PLAIN), "select count(*) from locked")
    session = wait_state(proxy, "writer", "in transaction")
    kill(proxy, session)
    assert reader.join() is None, "the lock is gone"
    assert_ended(writer)
    wait_gone(cluster, session)
    assert ask(connect(proxy.rw_port), "select count(*) from locked") == 0


# PostgreSQL would notice the end of its client only with the answer, in a quarter of an hour.
@pytest.mark.parametrize("statement", [SLEEP, "select count(*) from generate_series(1, 1000000000000)"])
def test_a_busy_server_process_ends_too(cluster, run_pgsteer, connect, run_statement, statement):
    proxy = run_pgsteer(cluster)
    connection = connect(proxy.rw_port, application_name="sleeper", **PLAIN)
    sleeper = run_statement(connection, statement)
    session = wait_state(proxy, "sleeper", "busy")
    wait_until(lambda: activity(cluster)[session["local_address"]]["state"] == "active", what="the statement to run")
    kill(proxy, session)
    assert isinstance(sleeper.join(), psycopg2.OperationalError)
    wait_gone(cluster, session)


def test_an_encrypted_session_just_ends(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    connection = connect(proxy.rw_port, **ENCRYPTED)
    session, = listed(proxy)
    assert kill(proxy, session).startswith(f"session {session['id']} from {session['client']} is ended; a statement")
    assert_ended(connection)
    wait_gone(cluster, session)


def test_a_held_login_is_told(cluster, run_pgsteer):
    proxy = run_pgsteer(cluster)
    cluster.primary.kill9()
    wait_until(lambda: not proxy.backend_view(cluster.primary)["rw_eligible"], what="the primary to be missed")
    login = PendingLogin({**cluster.conninfo(proxy.rw_port), "application_name": "waiter", **PLAIN})
    wait_held(proxy, 1)
    session = listed_of(proxy, "waiter")
    assert (session["state"], session["backend"], session["local_address"]) == ("held", None, None)
    kill(proxy, session)
    with pytest.raises(psycopg2.OperationalError, match="due to administrator command"):
        login.address()
    gone = proxy.command("session", "kill", session["id"])
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr == f"pgsteer session kill: there is no session {session['id']}\n"


# The id that stands in a DBA's notes is good after an upgrade too, and nobody else gets it.
def test_ids_survive_upgrades(cluster, run_pgsteer, connect, run_statement):
    proxy = run_pgsteer(cluster)
    plain = connect(proxy.rw_port, application_name="plain", **PLAIN)
    connect(proxy.ro_port, **ENCRYPTED)
    ended = connect(proxy.rw_port, application_name="ended", **PLAIN)
    taken = {listed_of(proxy, "ended")["id"]}
    ended.close()
    wait_until(lambda: len(listed(proxy)) == 2, what="the third to be gone")
    before = {each["id"]: each for each in listed(proxy)}
    taken |= before.keys()
    for number in range(2):
        proxy.upgrade()
        after = {each["id"]: each for each in listed(proxy)}
        for session_id, session in before.items():
            for key in ("listener", "user", "database", "application_name", "client", "backend_address",
                        "local_address", "backend_pid", "state", "bytes_to_backend", "bytes_to_client"):
                assert after[session_id][key] == session[key]
            assert after[session_id]["age_ms"] >= session["age_ms"]
        late = connect(proxy.rw_port, application_name=f"late{number}", **PLAIN)
        late_id = listed_of(proxy, f"late{number}")["id"]
        assert late_id not in taken
        taken.add(late_id)
        assert ask(late, "select 1") == 1
        before = {each["id"]: each for each in listed(proxy)}
    session = listed_of(proxy, "plain")
    sleeper = run_statement(plain, SLEEP)
    wait_state(proxy, "plain", "busy")
    kill(proxy, session)
    assert isinstance(sleeper.join(), psycopg2.OperationalError)
    wait_gone(cluster, session)
