"""How `scripts/demo failover` reaches the demo in the other terminal: a Unix socket, found by a state file.

One word in, lines of text out; the last line is the exit code.
"""
import json
import os
import socket
import tempfile
from pathlib import Path


def state_path() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"pgsteer-demo-{os.getuid()}.json"


def read_state() -> dict:
    """{} if no demo of this user is running."""
    try:
        if state_path().stat().st_uid != os.getuid():
            return {}
        state = json.loads(state_path().read_text())
        os.kill(state["pid"], 0)
        return state
    except (OSError, ValueError, KeyError):
        return {}


class Listener:
    """The demo's end; closed and forgotten when the block is left."""

    def __init__(self, folder: Path):
        self.path = folder / "control.sock"
        self.socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> "Listener":
        self.socket.bind(str(self.path))
        self.path.chmod(0o600)
        self.socket.listen(4)
        state_path().unlink(missing_ok=True)
        descriptor = os.open(state_path(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "w", encoding="utf-8") as state:
            json.dump({"pid": os.getpid(), "socket": str(self.path)}, state)
        return self

    def __exit__(self, *unused) -> None:
        state_path().unlink(missing_ok=True)
        self.socket.close()

    def next_command(self, timeout: float):
        """(command, connection), or None if none came in time."""
        self.socket.settimeout(timeout)
        try:
            connection, _ = self.socket.accept()
        except TimeoutError:
            return None
        connection.settimeout(5)
        return connection.recv(100).decode().strip(), connection


def ask(command: str) -> int:
    """Sends a command to the running demo and prints what it says; returns its exit code."""
    state = read_state()
    if not state:
        print("No demo is running. Start one in another terminal with: scripts/demo")
        return 1
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(state["socket"])
        connection.sendall(command.encode() + b"\n")
        code = 1
        for line in connection.makefile("r", encoding="utf-8"):
            if line.startswith("exit code "):
                code = int(line.split()[2])
            else:
                print(line, end="", flush=True)
        return code
