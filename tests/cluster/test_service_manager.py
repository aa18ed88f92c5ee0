"""What a service manager such as systemd is told over NOTIFY_SOCKET: sd_notify(3)."""
import os
import re
import signal
import socket
import struct
import time

import pytest

from harness.queries import ask, assert_ended
from harness.wait import PATIENCE, wait_until

# The socket's own limit of messages nobody has read is far below.
MORE_THAN_FIT = 10_000


class Manager:
    """The socket's other end, which knows the sender as systemd does."""

    def __init__(self):
        self.name = f"@pgsteer-test-manager-{os.getpid()}-{time.monotonic_ns()}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind("\0" + self.name[1:])
        self.environment = {"NOTIFY_SOCKET": self.name}
        self.states = []  # what else than STATUS= has come so far
        self.status = ""  # the last one

    def read(self, waits: bool = True) -> int:
        """One message; its sender. Without waiting 0: there is none."""
        self.socket.settimeout(PATIENCE if waits else 0)
        try:
            text, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("3i")))
        except BlockingIOError:
            return 0
        (pid, _, _), = (struct.unpack("3i", data) for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS)
        if text.startswith(b"STATUS="):
            self.status = text.decode().partition("=")[2]
        else:
            self.states.append(text.decode())
        return pid

    def read_all(self) -> None:
        while self.read(waits=False):
            pass

    def wait_status(self, words: str) -> None:
        while self.status != words:
            self.read()

    def words(self) -> list:
        """The first line of each state."""
        return [state.partition("\n")[0] for state in self.states]


@pytest.fixture
def manager():
    made = Manager()
    yield made
    made.socket.close()


# Type=notify: what systemd waits for at a start, at a reload and at a stop, and what it shows meanwhile. A reload that is
# refused is over too: otherwise the service would be "reloading" for ever.
def test_is_told_of_a_whole_life(cluster, run_pgsteer, connect, manager):
    proxy = run_pgsteer(cluster, extra="drain_timeout: 10m\n", environment=manager.environment)
    assert manager.read() == proxy.process.pid
    manager.wait_status(f"primary {cluster.primary.address}, 0 sessions")
    busy = connect(proxy.rw_port)
    ask(busy, "begin")
    manager.wait_status(f"primary {cluster.primary.address}, 1 session")
    assert manager.words() == ["READY=1"]

    began = time.monotonic_ns() // 1000
    proxy.reload(("drain_timeout: 10m", "drain_timeout: 11m"))
    ended = time.monotonic_ns() // 1000
    manager.read_all()  # all of it has come before the command's answer
    assert manager.words() == ["READY=1", "RELOADING=1", "READY=1"]
    reloading_at = int(re.search(r"^MONOTONIC_USEC=(\d+)$", manager.states[1], re.MULTILINE).group(1))
    assert began <= reloading_at <= ended

    proxy.edit_config(("drain_timeout: 11m", "drain_timeout: soon"))
    assert proxy.command("reload").returncode == 2
    manager.read_all()
    assert manager.words()[3:] == ["RELOADING=1", "READY=1"]
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: manager.read_all() or len(manager.states) == 7, what="a reload by SIGHUP")
    assert manager.words()[5:] == ["RELOADING=1", "READY=1"]

    proxy.process.send_signal(signal.SIGTERM)
    manager.wait_status("draining, 1 session left")
    # The drain may take longer than TimeoutStopSec=: it asks for 11 minutes and a margin.
    assert manager.states[7:] == ["STOPPING=1\nEXTEND_TIMEOUT_USEC=670000000"]
    ask(busy, "commit")
    assert_ended(busy)
    assert proxy.process.wait(PATIENCE) == 0
    manager.read_all()
    assert len(manager.states) == 8, manager.states


# Who looks at `systemctl status` sees the primary of now.
def test_is_shown_a_failover(cluster, run_pgsteer, manager):
    proxy = run_pgsteer(cluster, environment=manager.environment)
    old, successor = cluster.primary, cluster.standbys()[0]
    manager.wait_status(f"primary {old.address}, 0 sessions")
    old.kill9()
    manager.wait_status(f"primary {old.address}, which takes no new logins, 0 sessions")
    cluster.promote(cluster.backends.index(successor))
    manager.wait_status(f"primary {successor.address}, 0 sessions")
    assert manager.words() == ["READY=1"]
    proxy.stop()


# A manager that stands still, such as a systemd that a debugger holds: pgsteer serves and logs in as ever, and what matters
# comes once it goes on.
def test_waits_for_no_manager(cluster, run_pgsteer, connect, manager):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler, pytest.raises(BlockingIOError):
        filler.setblocking(False)
        for _ in range(MORE_THAN_FIT):
            filler.sendto(b"STATUS=filled", "\0" + manager.name[1:])
    proxy = run_pgsteer(cluster, extra="drain_timeout: 10m\n", environment=manager.environment)
    assert ask(connect(proxy.rw_port), "select 1") == 1
    proxy.reload(("drain_timeout: 10m", "drain_timeout: 11m"))
    wait_until(lambda: manager.read_all() or len(manager.states) == 3, what="what was not sent at once")
    assert manager.words() == ["READY=1", "RELOADING=1", "READY=1"]


# A variable that a shell has left, or a supervisor that is gone.
@pytest.mark.parametrize("name", ["", "nonsense", "@pgsteer-nobody-listens-here", "/nonexistent/notify"])
def test_does_without_a_manager(cluster, run_pgsteer, connect, name):
    proxy = run_pgsteer(cluster, environment={"NOTIFY_SOCKET": name})
    assert ask(connect(proxy.rw_port), "select 1") == 1
