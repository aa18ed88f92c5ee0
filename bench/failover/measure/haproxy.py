"""HAProxy as a peer: the best recipe that HAProxy 2.6 allows, and its process. README.md explains each line."""
import csv
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

from harness import processes
from harness.wait import free_port, wait_until
from harness.wire import message, startup_packet

CHECK_USER = "haproxy"
QUESTION = "select pg_is_in_recovery()"
# What the check dials where dials of checks and of logins are told apart by port; the backend's host redirects it.
CHECK_PORT_APART = 5431

READY_FOR_QUERY = message(b"Z", b"I").hex()


def data_row(value: str) -> str:
    """A row of one column -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-DATAROW"""
    return message(b"D", struct.pack("!hi", 1, len(value)) + value.encode()).hex()


def answer_bytes() -> int:
    """RowDescription, DataRow, CommandComplete and ReadyForQuery to QUESTION: with all of them a mismatch is a no."""
    name = b"pg_is_in_recovery\0"
    description = message(b"T", struct.pack("!h", 1) + name + struct.pack("!ihihih", 0, 0, 16, 1, -1, 0))
    return len(description) + len(bytes.fromhex(data_row("t"))) + len(message(b"C", b"SELECT 1\0")) + 6


def check_lines(is_in_recovery: str) -> list:
    return ["option tcp-check",
            "tcp-check connect",
            f"tcp-check send-binary {startup_packet(user=CHECK_USER, database='postgres').hex()}",
            f"tcp-check expect binary {READY_FOR_QUERY}",
            f"tcp-check send-binary {message(b'Q', QUESTION.encode() + bytes(1)).hex()}",
            f"tcp-check expect min-recv {answer_bytes()} binary {data_row(is_in_recovery)}",
            f"tcp-check send-binary {message(b'X').hex()}"]


def configuration(backends: list, binds: dict, inter: str, refusing_port: int, check_port: int = 0) -> str:
    """binds: listener -> "ip:port", and "stats" -> path; inter: e.g. "100ms"."""
    apart = f" port {check_port}" if check_port else ""
    servers = [f"server {b.name} {b.address} check{apart}" for b in backends]
    rules = "fall 1 rise 1 on-marked-down shutdown-sessions observe layer4 error-limit 1 on-error mark-down"
    sections = {
        "global": ["maxconn 8000", "log /dev/null local0", f"stats socket {binds['stats']}"],
        "defaults": ["mode tcp", "timeout connect 100ms", "timeout client 1h", "timeout server 1h",
                     "timeout check 200ms", "retries 100", "option redispatch 1"],
        "listen rw": [f"bind {binds['rw']}", *check_lines("f"), "stick-table type ip size 10k", "stick on dst",
                      f"server hold 127.0.0.1:{refusing_port} backup non-stick",
                      f"default-server inter {inter} fastinter {inter} downinter {inter} {rules}", *servers],
        "listen ro": [f"bind {binds['ro']}", *check_lines("t"), f"default-server inter 1s {rules}", *servers]}
    return "".join(f"{name}\n" + "".join(f"  {line}\n" for line in lines) for name, lines in sections.items())


class Haproxy:
    """Flow: with Haproxy(...) as proxy -> proxy.ip, proxy.rw_port, proxy.ro_port."""

    def __init__(self, cluster, ports: tuple, inter: str = "100ms", host=None, preload: Path = None,
                 connects: Path = None):
        """host: the network.Host it runs on; preload: the recorder of its dials, which go to connects."""
        self.cluster, self.host = cluster, host
        self.ip = host.address if host else "127.0.0.1"
        self.rw_port, self.ro_port = ports[:2]
        self.folder = Path(tempfile.mkdtemp(prefix="haproxy-run-"))
        self.process = None
        self.environment = ["env", f"LD_PRELOAD={preload}", f"PGSTEER_BENCH_CONNECTS={connects}"] if preload else []
        binds = {"rw": f"{self.ip}:{self.rw_port}", "ro": f"{self.ip}:{self.ro_port}",
                 "stats": str(self.folder / "stats.sock")}
        (self.folder / "haproxy.cfg").write_text(
            configuration(cluster.backends, binds, inter, free_port(), CHECK_PORT_APART if preload else 0))

    def __enter__(self):
        command = [*self.environment, "haproxy", "-db", "-f", str(self.folder / "haproxy.cfg")]
        try:
            with open(self.folder / "haproxy.log", "ab") as log:
                self.process = subprocess.Popen(
                    self.host.command(command) if self.host else command, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, start_new_session=True, preexec_fn=processes.die_with_parent(signal.SIGKILL))
            wait_until(self._knows_roles, 15, "HAProxy to know the primary")
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *unused) -> None:
        self.destroy()

    def _knows_roles(self) -> bool:
        """Until its first check HAProxy takes every backend for good, so each must have been checked."""
        if self.process.poll() is not None:
            raise SystemExit(f"HAProxy ended with {self.process.returncode}:\n{self.log_text()}")
        good = {"rw": {self.cluster.primary.name}, "ro": {b.name for b in self.cluster.standbys()}}
        checked = [row for row in self._statistics() if row["check_status"]]
        return all(row["check_status"] != "INI" and
                   (row["status"] == "UP") == (row["svname"] in good[row["# pxname"]]) for row in checked)

    def _statistics(self) -> list:
        """A row for each listener and backend -- HAProxy's management.txt, 9.1: CSV format"""
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(str(self.folder / "stats.sock"))
            asked.sendall(b"show stat\n")
            with asked.makefile(encoding="utf-8") as answer:
                return list(csv.DictReader(answer))

    def log_text(self) -> str:
        return (self.folder / "haproxy.log").read_text(errors="replace")

    def destroy(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
