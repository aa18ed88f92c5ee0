"""Whatever a client sends first: PostgreSQL's own verdict or a close, no crash, and no backend bothered."""
import os
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

from harness import processes
from harness.cluster import PgCluster
from harness.wait import PATIENCE, wait_until
from harness.wire import GSSENC_REQUEST, SSL_REQUEST, WireClient, startup_packet

TLS_CLIENT_HELLO_CUT_SHORT = bytes.fromhex("160301020001000001fc0303")


@pytest.fixture(scope="module")
def whole_cluster():
    """Where PostgreSQL waits for more, it gives up before this test does, and pgsteer's own patience is longer. Eight
    seconds are ten times what a login takes on a busy machine."""
    with PgCluster(settings={"authentication_timeout": "8s"}) as cluster:
        yield cluster


@pytest.fixture
def proxy(cluster, run_pgsteer):
    """Without fresh probe logins, which would be taken for logins of others in PostgreSQL's log."""
    return run_pgsteer(cluster, probe={"login_interval": "1h"})


def with_length(length: int) -> bytes:
    return struct.pack("!II", length, 196608) + b"user\0app\0\0"


# (what, bytes, whether the client then closes its side)
BEFORE_ANY_DIAL = {
    "garbage": (b"\xde\xad\xbe\xef" * 64, False),
    "http": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", False),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", False),
    "partial startup packet, then a close": (startup_packet(user="app", database="appdb")[:20], True),
    "nothing, then a close": (b"", True),
    "half a length, then a close": (b"\0\0", True),
    "length 0": (with_length(0), False),
    "length 3": (with_length(3), False),
    "length 7": (with_length(7), False),
    "length 10005": (with_length(10005), False),
    "length 2^31": (with_length(2**31), False),
    "length 2^32-1": (with_length(2**32 - 1), False),
}
AFTER_A_REQUEST = {
    "SSLRequest twice": [SSL_REQUEST, SSL_REQUEST],
    "GSSENCRequest twice": [GSSENC_REQUEST, GSSENC_REQUEST],
    "a startup packet behind SSLRequest in one segment": [SSL_REQUEST + startup_packet(user="app", database="appdb")],
    "garbage behind SSLRequest in one segment": [SSL_REQUEST + b"\xff" * 100],
    "garbage behind GSSENCRequest in one segment": [GSSENC_REQUEST + b"\xff" * 100],
    "SSLRequest, then garbage": [SSL_REQUEST, b"\xff" * 100],
    "an unknown major version": [struct.pack("!II", 8, 0x00090000)],
    "no user": [startup_packet(database="appdb")],
    "no terminator": [struct.pack("!II", 16, 196608) + b"user\0app"],
}


def answer_to(port: int, parts: list, closes: bool = False) -> bytes:
    """All bytes that come back until the other side closes, as it must; a part follows one byte of answer."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        for i, part in enumerate(parts):
            if i > 0:
                received += client.recv(1)
            client.sendall(part)
        if closes:
            client.shutdown(socket.SHUT_WR)
        try:
            while data := client.recv(65536):
                received += data
        except ConnectionResetError:
            pass
    return received


def verdict(answer: bytes) -> tuple:
    """(bytes before the first message, SQLSTATE or b"")."""
    at = answer.find(b"E\0\0")
    if at < 0:
        return answer, b""
    code = re.search(rb"\0C(.{5})\0", answer[at + 4 :])
    return answer[:at], code.group(1) if code else b"?"


CLOSED = (b"", b"")
CLOSED_AFTER_N = (b"N", b"")


def logins_of_others(log: str) -> int:
    """Connections a backend took that were not the probe's."""
    received = set(re.findall(r"\[(\d+)\] LOG:  connection received", log))
    probes = set(re.findall(r"\[(\d+)\] LOG:  connection authorized: user=pgsteer ", log))
    superuser = set(re.findall(r"\[(\d+)\] LOG:  connection authorized: user=postgres ", log))
    return len(received - probes - superuser)


def assert_no_logins_since(before: list, cluster, proxy) -> None:
    if not proxy.stood_still():  # Or it made fresh probe logins.
        assert [logins_of_others(b.log_text()) for b in cluster.backends] == before, "a backend was dialed"


def assert_alive(cluster, proxy) -> None:
    assert proxy.process.poll() is None, proxy.log_text()[-3000:]
    with WireClient(proxy.rw_port) as client:
        assert client.login("app", cluster.app_password, "appdb").query("select 1") == [["1"]]


@pytest.mark.parametrize("what", BEFORE_ANY_DIAL)
def test_refused_before_any_dial(cluster, proxy, what):
    data, closes = BEFORE_ANY_DIAL[what]
    direct = verdict(answer_to(cluster.primary.port, [data], closes))
    before = [logins_of_others(b.log_text()) for b in cluster.backends]  # PostgreSQL logs a connection, then closes it.
    for _ in range(3):
        through = verdict(answer_to(proxy.rw_port, [data], closes))
        assert through in (direct, CLOSED), "neither PostgreSQL's verdict nor a close"
    assert_no_logins_since(before, cluster, proxy)
    assert_alive(cluster, proxy)


@pytest.mark.parametrize("what", AFTER_A_REQUEST)
def test_same_verdict_as_postgresql(cluster, proxy, what):
    parts = AFTER_A_REQUEST[what]
    direct = answer_to(cluster.primary.port, parts)
    through = answer_to(proxy.rw_port, parts)
    assert verdict(through) in (verdict(direct), CLOSED, CLOSED_AFTER_N), (through, direct)
    assert b"R\0\0\0" not in through, "bytes sent ahead of the answer were taken for a login"
    assert_alive(cluster, proxy)


def first_message(port: int, packet: bytes) -> bytes:
    """The type of the first message that comes back; empty after a close without one."""
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(packet)
        try:
            return client.recv(1)
        except ConnectionResetError:
            return b""


# PostgreSQL's limit of 10,000 bytes does not count the length word.
@pytest.mark.parametrize("length", range(10_000, 10_009))
def test_length_of_a_startup_packet_around_the_limit(cluster, proxy, length):
    def packet_of(name: str) -> bytes:
        return startup_packet(user="app", database="appdb", application_name=name)
    packet = packet_of("n" * (length - len(packet_of(""))))
    assert len(packet) == length
    direct = first_message(cluster.primary.port, packet)
    assert direct == (b"R" if length <= 10_004 else b""), "PostgreSQL's limit is another"
    assert first_message(proxy.rw_port, packet) == direct
    assert_alive(cluster, proxy)


# A client that says nothing holds a place only until startup_timeout; here it must merely cost no backend.
def test_silent_clients_cost_no_backend(cluster, proxy):
    before = [logins_of_others(b.log_text()) for b in cluster.backends]
    silent = [socket.create_connection(("127.0.0.1", proxy.rw_port)) for _ in range(100)]
    for i, client in enumerate(silent):
        client.sendall(startup_packet(user="app", database="appdb")[: i % 30])
    assert_alive(cluster, proxy)
    before[cluster.primary_index] += 1  # This one's, which came last.
    assert_no_logins_since(before, cluster, proxy)
    for client in silent:
        client.close()


def test_cut_short_client_hello_does_no_harm(cluster, proxy):
    answer_to(proxy.rw_port, [TLS_CLIENT_HELLO_CUT_SHORT], closes=True)
    assert_alive(cluster, proxy)


# A startup packet may arrive a byte at a time.
def test_startup_packet_byte_by_byte(cluster, proxy):
    with WireClient(proxy.rw_port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in startup_packet(user="app", database="appdb"):
            client.socket.sendall(bytes([byte]))
            time.sleep(0.002)
        kind, body = client.read_message()
        assert kind == b"R" and body[:4] == b"\0\0\0\x0a"


# Log lines quote what the client sent; secrets and payload are never among it.
def test_no_secret_and_no_flood_in_the_log(cluster, proxy):
    for _ in range(200):
        answer_to(proxy.rw_port, [b"GET /secret-token HTTP/1.1\r\n\r\n"])
    with WireClient(proxy.rw_port) as client:
        client.login("app", cluster.app_password, "appdb").query("select 'canary-in-the-payload'")
    log = proxy.log_text()
    for secret in (cluster.app_password, "secret-token", "canary-in-the-payload", "probe-secret"):
        assert secret not in log
    assert log.count("\n") < 1000


# Else the log's lines would go into whatever is opened next, such as the descriptor that wakes a worker.
def test_started_without_standard_streams(proxy):
    command = ["sh", "-c", 'exec "$0" run --config "$1" <&- >&- 2>&-', str(proxy.binary), str(proxy.config_path)]
    proxy.stop()
    process = subprocess.Popen(command, preexec_fn=processes.die_with_parent(signal.SIGKILL))
    try:
        wait_until(lambda: proxy.get("/livez")[0] == 200, what="pgsteer to run")
        streams = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)}
        assert streams == {"/dev/null"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
