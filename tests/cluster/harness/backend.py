"""One PostgreSQL backend: a data folder, a port and the postmaster that serves them.

Port and socket folder are on the command line, so a data folder can be copied from one backend to another.
"""
import shutil
import signal
import subprocess
from pathlib import Path

from . import processes
from .processes import AS_POSTGRES, CommandFailed, run
from .wait import wait_until

PSQL = Path("/usr/lib/postgresql/15/bin/psql")


class Backend:
    def __init__(self, name: str, folder: Path, bin_dir: Path, port: int, environment: dict = None, host=None):
        """host: the network.Host it runs on; else it listens on loopback."""
        self.name = name
        self.port = port
        self.host = host
        self.ip = host.address if host else "127.0.0.1"
        self.data = folder / name
        self.log_path = folder / f"{name}.log"
        # One folder each where every backend has the same port on its own host.
        self.socket_folder = folder / "sockets" / (name if host else "")
        self.bin_dir = bin_dir
        self.environment = environment
        self.postmaster = None

    @property
    def address(self) -> str:
        return f"{self.ip}:{self.port}"

    @property
    def pid(self) -> int:
        return self.postmaster.pid if self.postmaster else 0

    def is_running(self) -> bool:
        return self.postmaster is not None and self.postmaster.poll() is None

    def start(self, wait: bool = True) -> None:
        assert not self.is_running(), f"{self.name} runs already"
        self._remove_stale_locks()
        command = [self.bin_dir / "postgres", "-D", self.data, "-c", f"port={self.port}",
                   "-c", f"listen_addresses={self.ip}", "-c", f"unix_socket_directories={self.socket_folder}",
                   "-c", f"cluster_name={self.name}"]
        command = [str(word) for word in command]
        # Only root may enter another host's namespace, so there the command becomes postgres after that.
        who = {} if self.host else AS_POSTGRES
        if self.host:
            command = self.host.command(command, as_postgres=True, dies_with_parent="QUIT")
        with open(self.log_path, "ab") as log:
            self.postmaster = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=self.environment,
                start_new_session=True, preexec_fn=processes.die_with_parent(signal.SIGQUIT), **who)
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout: float = 120) -> None:
        def accepts() -> bool:
            if not self.is_running():
                raise SystemExit(f"{self.name} did not start; its log ends:\n{self.log_text()[-3000:]}")
            return self.sql("select 1") == "1"

        wait_until(accepts, timeout, f"{self.name} to accept connections")

    def _remove_stale_locks(self) -> None:
        # Where nobody reaps, the killed postmaster's pid looks alive to PostgreSQL's own check.
        for lock in (self.data / "postmaster.pid", self.socket_folder / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)

    def stop(self, mode: str = "fast", timeout: float = 120) -> None:
        if not self.is_running():
            return
        numbers = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        self.thaw()
        self.postmaster.send_signal(numbers[mode])
        self.postmaster.wait(timeout)

    def kill9(self) -> None:
        """What a crash of the machine looks like from here."""
        if self.is_running():
            processes.kill_group_of(self.pid, self.postmaster)

    def freeze(self, postmaster_only: bool = False) -> None:
        processes.send(self._family(postmaster_only), signal.SIGSTOP)

    def thaw(self) -> None:
        if self.is_running():
            processes.send(self._family(False), signal.SIGCONT)

    def _family(self, postmaster_only: bool) -> list:
        return [self.pid] + ([] if postmaster_only else processes.children_of(self.pid))

    def promote(self) -> None:
        """Returns once the backend accepts writes."""
        answer = self.sql("select pg_promote(true, 110)")
        assert answer == "t", f"{self.name} was not promoted: {answer}"

    def is_in_recovery(self) -> bool:
        return self.sql("select pg_is_in_recovery()") == "t"

    def sql(self, statement: str, database: str = "postgres", timeout: float = 120) -> str:
        """As superuser over the Unix socket: works whatever happens to the network."""
        return run([PSQL, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.socket_folder, "-p", self.port,
                    "-U", "postgres", "-d", database, "-c", statement], timeout=timeout).strip()

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def remove_data(self) -> None:
        self.kill9()
        shutil.rmtree(self.data, ignore_errors=True)

    def command(self, program: str, *arguments, timeout: float = 300) -> str:
        """Runs one of this PostgreSQL's own programs as the user that owns the data."""
        return run([self.bin_dir / program, *arguments], timeout=timeout, as_postgres=True, env=self.environment)


__all__ = ["Backend", "CommandFailed", "PSQL"]
