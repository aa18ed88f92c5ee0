"""Work that moves bytes: whatever the volume and the protocol, the same bytes as on a direct connection."""
import hashlib
import json
import os
import random
import subprocess
import time

import pytest

from harness.backend import PSQL
from harness.cluster import BIN_DIR, REPLICATION_PASSWORD, PgCluster
from harness.processes import run
from harness.queries import ask
from harness.wait import wait_until
from harness.wire import WireClient

BULK_MIB = int(os.environ.get("PGSTEER_BULK_MIB", "1024"))
STALL_SECONDS = float(os.environ.get("PGSTEER_STALL_SECONDS", "60"))
MEMORY_MAX = 64 * 1024 * 1024
ROWS_PER_CHUNK, ROW_BYTES = 1000, 1040


def environment(cluster, user: str = "app") -> dict:
    password = REPLICATION_PASSWORD if user == "replicator" else cluster.app_password
    # Two scans of one table must start at the same row to compare their bytes.
    return {**os.environ, "PGPASSWORD": password, "PGOPTIONS": "-c synchronize_seqscans=off", "LC_ALL": "C"}


def program(cluster, name: str, port: int, *arguments, user: str = "app", timeout: float = 600) -> str:
    command = [BIN_DIR / name, "-h", "127.0.0.1", "-p", port, "-U", user, *arguments]
    return run(command, timeout=timeout, env=environment(cluster, user))


def psql_pipe(cluster, port: int, statement: str, **pipes) -> subprocess.Popen:
    command = [PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-U", "app",
               "-d", "appdb", "-c", statement]
    return subprocess.Popen(command, env=environment(cluster), **pipes)


def upload(cluster, port: int) -> str:
    """Copies the rows into table bulk; the digest of what was sent."""
    rng, digest = random.Random(1), hashlib.sha256()
    values = [rng.randbytes((ROW_BYTES - 16) // 2).hex().encode() for _ in range(ROWS_PER_CHUNK)]
    process = psql_pipe(cluster, port, r"\copy bulk from stdin", stdin=subprocess.PIPE)
    for chunk in range(BULK_MIB * 1024 * 1024 // (ROW_BYTES * ROWS_PER_CHUNK) + 1):
        first = chunk * ROWS_PER_CHUNK
        data = b"".join(b"%d\t%s\n" % (first + i, value) for i, value in enumerate(values))
        digest.update(data)
        process.stdin.write(data)
    process.stdin.close()
    assert process.wait(600) == 0
    return digest.hexdigest()


def download(cluster, port: int) -> str:
    digest = hashlib.sha256()
    process = psql_pipe(cluster, port, r"\copy bulk to stdout", stdout=subprocess.PIPE)
    while data := process.stdout.read(1 << 20):
        digest.update(data)
    assert process.wait(600) == 0
    return digest.hexdigest()


@pytest.fixture(scope="module")
def whole_cluster():
    # Two copies of one database are compared: nothing may be vacuumed between them.
    with PgCluster(settings={"autovacuum": "off"}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def bulk(whole_cluster):  # pylint: disable=redefined-outer-name
    """An empty unlogged table: a gigabyte of WAL is not what is tested."""
    whole_cluster.primary.sql("create unlogged table bulk (id int, value text); alter table bulk owner to app",
                              database="appdb")


def test_copy_of_a_gigabyte_each_way(cluster, proxy, bulk):  # pylint: disable=unused-argument,redefined-outer-name
    sent = upload(cluster, proxy.rw_port)
    assert download(cluster, cluster.primary.port) == sent, "what arrived is not what was sent"
    assert download(cluster, proxy.rw_port) == sent, "what came back is not what is there"
    assert proxy.rss_bytes(peak=True) < MEMORY_MAX


def read_copy(client: WireClient, stall_after: int = 0, stalled=None) -> tuple:
    """(bytes, digest) of the raw answer to COPY TO STDOUT; after stall_after bytes it calls stalled() once."""
    client.send_query("copy (select repeat(md5(i::text), 32) from generate_series(1, "
                      f"{BULK_MIB * 1024}) as i) to stdout")
    total, digest, tail = 0, hashlib.sha256(), b""
    while not (tail.endswith(b"Z\0\0\0\5I") and b"C\0\0\0" in tail):
        data = client.socket.recv(1 << 20)
        assert data, "closed in the middle"
        total += len(data)
        digest.update(data)
        tail = (tail + data)[-64:]
        if stalled and total >= stall_after:
            stalled()
            stalled = None
    return total, digest.hexdigest()


# A client that stops reading must stop the backend, not fill the proxy's memory.
def test_client_that_stops_reading_for_a_minute(cluster, proxy):
    def stalled() -> None:
        deadline = time.monotonic() + STALL_SECONDS
        while time.monotonic() < deadline:
            assert proxy.rss_bytes() < MEMORY_MAX
            # The stall is this client's own: others are served.
            with WireClient(proxy.rw_port) as other:
                assert other.login("app", cluster.app_password, "appdb").query("select 1") == [["1"]]
            time.sleep(1)

    with WireClient(cluster.primary.port) as direct:
        wanted = read_copy(direct.login("app", cluster.app_password, "appdb"))
    with WireClient(proxy.rw_port) as client:
        got = read_copy(client.login("app", cluster.app_password, "appdb"), 16 << 20, stalled)
    assert got == wanted
    assert proxy.rss_bytes(peak=True) < MEMORY_MAX


def test_pgbench_select_only_and_tpcb(cluster, proxy, connect):
    program(cluster, "pgbench", proxy.rw_port, "-i", "-q", "-s", "5", "appdb")
    cluster.wait_replicated()
    report = program(cluster, "pgbench", proxy.ro_port, "-n", "-S", "-c", "16", "-j", "2", "-T", "5", "appdb")
    assert "number of failed transactions: 0 " in report
    for mode in ("simple", "prepared"):
        report = program(cluster, "pgbench", proxy.rw_port, "-n", "-M", mode, "-c", "8", "-j", "2", "-T", "5", "appdb")
        assert "number of failed transactions: 0 " in report
    # TPC-B's own invariant: every delta reached an account, a teller, a branch and the history.
    direct = connect(cluster.primary.port)
    sums = {ask(direct, f"select sum({column}) from pgbench_{table}")
            for column, table in (("abalance", "accounts"), ("tbalance", "tellers"), ("bbalance", "branches"),
                                  ("delta", "history"))}
    assert len(sums) == 1, sums


def test_listen_and_notify(proxy, connect):
    listener, notifier = connect(proxy.rw_port), connect(proxy.rw_port)
    ask(listener, "listen news")
    payloads = [str(i) * 100 for i in range(70)]
    for payload in payloads:
        ask(notifier, f"notify news, '{payload}'")
    wait_until(lambda: listener.poll() or len(listener.notifies) == len(payloads), what="every notification")
    assert [notification.payload for notification in listener.notifies] == payloads


def dump(cluster, port: int, dbname: str) -> str:
    text = program(cluster, "pg_dump", port, "-d", dbname, "-T", "bulk")
    # Each dump draws its own \restrict key.
    return "\n".join(line for line in text.splitlines() if not line.startswith((r"\restrict", r"\unrestrict")))


def test_pg_dump_and_pg_restore(cluster, proxy, connect, tmp_path):
    connection = connect(cluster.primary.port)
    ask(connection, "create table dumped as select i, md5(i::text) as value from generate_series(1, 200000) as i")
    direct = dump(cluster, cluster.primary.port, "appdb")
    assert dump(cluster, proxy.rw_port, "appdb") == direct
    archive = tmp_path / "appdb.dump"
    program(cluster, "pg_dump", proxy.rw_port, "-d", "appdb", "-T", "bulk", "-Fc", "-f", archive)
    cluster.primary.sql("create database restored owner app")
    program(cluster, "pg_restore", proxy.rw_port, "-d", "restored", archive)
    assert dump(cluster, cluster.primary.port, "restored") == direct


# A replication connection is a startup packet with one more parameter, and then a protocol of its own.
def test_pg_basebackup(cluster, proxy, tmp_path):
    files = {}
    for name, port in (("through", proxy.rw_port), ("direct", cluster.primary.port)):
        target = tmp_path / name
        program(cluster, "pg_basebackup", port, "-D", target, "-X", "stream", "-c", "fast", "--no-sync",
                user="replicator")
        run([BIN_DIR / "pg_verifybackup", target])
        manifest = json.loads((target / "backup_manifest").read_text())
        files[name] = {f["Path"]: f["Checksum"] for f in manifest["Files"]}
    # These tell one backup from another; every other file is the same.
    for name in ("backup_label", "global/pg_control"):
        files["through"].pop(name)
        files["direct"].pop(name)
    differing = {path for path in files["direct"] if files["through"].get(path) != files["direct"][path]}
    # The checkpoint of each backup may touch a few catalogue pages' hint bits and statistics.
    assert len(differing) <= len(files["direct"]) // 100, differing


def test_logical_replication(cluster, proxy, connect):
    publisher = connect(cluster.primary.port)
    ask(publisher, "create table published (id int primary key, value text)")
    ask(publisher, "insert into published select i, md5(i::text) from generate_series(1, 50000) as i")
    primary = cluster.primary
    primary.sql("create publication everything for table published", database="appdb")
    primary.sql("select pg_create_logical_replication_slot('through_pgsteer', 'pgoutput')", database="appdb")
    primary.sql("create database subscriber")
    primary.sql("create table published (id int primary key, value text)", database="subscriber")
    primary.sql("grant select on published to replicator; grant connect on database appdb to replicator",
                database="appdb")
    conninfo = (f"host=127.0.0.1 port={proxy.rw_port} user=replicator password={REPLICATION_PASSWORD} dbname=appdb")
    # The slot is made by hand: publisher and subscriber share a cluster, where creating it here would wait for
    # this very transaction.
    primary.sql(f"create subscription through connection '{conninfo}' publication everything "
                "with (create_slot = false, slot_name = 'through_pgsteer')", database="subscriber")
    ask(publisher, "update published set value = value || 'x' where id % 2 = 0")
    ask(publisher, "delete from published where id % 5 = 0")
    digest = "select md5(string_agg(id || value, ',' order by id)) from published"
    wanted = primary.sql(digest, database="appdb")
    try:
        wait_until(lambda: primary.sql(digest, database="subscriber") == wanted, 300, "the subscriber to catch up")
    finally:
        primary.sql("alter subscription through disable; alter subscription through set (slot_name = none); "
                    "drop subscription through", database="subscriber")
        wait_until(lambda: primary.sql("select pg_drop_replication_slot('through_pgsteer')") == "", what="the slot")
