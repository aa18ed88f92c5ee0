"""The programs, built by tests/kubernetes/build, and how they run: with a log, killed, frozen, gone with the test."""
import signal
import subprocess
from pathlib import Path

from harness import processes
from harness.wait import PATIENCE

BUILD = Path(__file__).parents[1] / "build"


class Unavailable(RuntimeError):
    pass


def programs_folder() -> Path:
    """Where kube-apiserver and etcd are; they are built if they are not there yet. Raises Unavailable."""
    done = subprocess.run([BUILD], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{BUILD} ended with {done.returncode}: {done.stderr.strip()}")
    return Path(done.stdout.strip())


class Program:
    """One process at a time. Flow: start() -> freeze(), thaw(), terminate() or kill9() -> start() again."""

    def __init__(self, name: str, log_path: Path):
        self.name = name
        self.log_path = log_path
        self.process = None
        self.was_terminated = False

    def command(self) -> list:
        raise NotImplementedError

    def start(self) -> None:
        """Not before it is ready: that is for who knows what ready means."""
        assert not self.is_running(), f"{self.name} runs already"
        self.was_terminated = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True, preexec_fn=processes.die_with_parent(signal.SIGKILL))

    def is_running(self) -> bool:
        if self.process is None:
            return False
        return self.process.poll() is None

    def must_run(self) -> bool:
        """For wait_until, which takes no exception but SystemExit for an answer."""
        if not self.is_running():
            raise SystemExit(f"{self.name} ended; its log ends:\n{self.log_text()[-3000:]}")
        return True

    def terminate(self) -> None:
        """SIGTERM; it may go on for a while."""
        self.was_terminated = True
        self.process.send_signal(signal.SIGTERM)

    def wait_ended(self, timeout: float = PATIENCE) -> None:
        self.process.wait(timeout)

    def kill9(self) -> None:
        if self.is_running():
            self.process.kill()
            self.process.wait(PATIENCE)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self.is_running():
            self.process.send_signal(signal.SIGCONT)

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
