"""The running demo: cluster, pgsteer, passfile, and the commands from other terminals. Main thread only."""
import secrets
import signal
import subprocess
from pathlib import Path

import passfile
from control import Listener
from failover import fail_over
from harness.backend import PSQL
from harness.cluster import PgCluster
from harness.proxy import Pgsteer
from harness.wait import free_port, is_free

QUESTION = "select pg_is_in_recovery()"


class CannotStart(RuntimeError):
    pass


def say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        pass  # The terminal is gone; cleaning up must go on all the same.


def choose_port(asked: int, default: int, what: str) -> int:
    if asked:
        if not is_free(asked):
            raise CannotStart(f"port {asked} is taken; give another one with --{what}-port")
        return asked
    if is_free(default):
        return default
    port = free_port()
    say(f"Port {default} is taken (see: ss -ltnp 'sport = :{default}'); using {port} for {what} instead.")
    return port


def finish_undisturbed() -> None:
    """A second, impatient Ctrl-C must not leave half of the cluster behind; cleaning up takes a second."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


class Demo:
    def __init__(self, binary: Path, rw_port: int, ro_port: int):
        self.ports = (choose_port(rw_port, 5432, "rw"), choose_port(ro_port, 5433, "ro"))
        self.admin_port = 9464 if is_free(9464) else free_port()
        self.binary = binary.resolve()
        if not self.binary.is_file():
            raise CannotStart(f"{binary} does not exist; build it with: cmake --preset release && cmake --build --preset release")
        self.cluster = PgCluster(app_password=secrets.token_urlsafe(12))
        self.proxy = Pgsteer(self.cluster, self.binary, ports=(*self.ports, self.admin_port))

    def __enter__(self) -> "Demo":
        try:
            say("Starting a PostgreSQL cluster: one primary, two standbys, streaming replication, SCRAM ...")
            self.cluster.start(lambda text: say(f"  {text}"))
            say(f"Starting pgsteer: rw on {self.ports[0]}, ro on {self.ports[1]}; its log: {self.proxy.log_path}")
            self.proxy.start()
            self.proxy.wait_ready()
            self._add_password()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, kind, *unused) -> None:
        finish_undisturbed()
        say("Cleaning up ...")
        try:
            if kind is None or issubclass(kind, KeyboardInterrupt):
                # Whoever still has a psql open has had his demo: the second signal ends it at once.
                self.proxy.process.terminate()
                self.proxy.process.terminate()
        finally:
            self.destroy()
        say("Done: no process and no file of the demo is left.")

    def destroy(self) -> None:
        finish_undisturbed()
        passfile.remove()
        self.proxy.destroy()
        self.cluster.destroy()

    def _add_password(self) -> None:
        try:
            passfile.add(list(self.ports), self.cluster.app_password)
            say(f"The password of role app is in {passfile.path()} until the demo ends, so psql does not ask.")
        except OSError as error:
            say(f"{passfile.path()} cannot be written ({error.strerror}): put this in front of psql: "
                f"PGPASSWORD={self.cluster.app_password}")

    def status_text(self) -> str:
        url = f"http://127.0.0.1:{self.admin_port}"
        done = subprocess.run([self.binary, "status", "--admin", url], text=True, capture_output=True, timeout=20,
                              check=False)
        return done.stdout + done.stderr

    def introduction(self) -> str:
        rw, ro = self.ports
        line = f"  psql -h localhost -p %d -U app -d appdb -c '{QUESTION}'\n"
        return (f"\nReady. Try, in another terminal:\n\n{line % rw}{line % ro}\n"
                f"The first prints f (the primary), the second t (a standby). The password of app is\n"
                f"{self.cluster.app_password}, and psql finds it by itself; elsewhere:\n\n"
                f"  PGPASSWORD={self.cluster.app_password} psql -h localhost -p {rw} -U app -d appdb\n\n"
                "Then kill the primary and watch:\n\n  scripts/demo failover\n\n"
                f"  scripts/demo status           what pgsteer knows (or http://127.0.0.1:{self.admin_port}/)\n"
                "  scripts/demo stop             end the demo; so does Ctrl-C here\n")

    def ask_psql(self, port: int) -> str:
        """What a user sees who types the line above; psql must not need a prompt."""
        command = [PSQL, "-w", "-A", "-t", "-h", "localhost", "-p", str(port), "-U", "app", "-d", "appdb", "-c", QUESTION]
        done = subprocess.run(command, text=True, capture_output=True, timeout=30, check=False)
        return (done.stdout + done.stderr).strip()

    def is_as_promised(self) -> bool:
        answers = [self.ask_psql(port) for port in self.ports]
        say(f"psql on {self.ports[0]}: {answers[0]}\npsql on {self.ports[1]}: {answers[1]}")
        return answers == ["f", "t"]

    def check(self) -> bool:
        """Everything the demo promises, for CI."""
        is_good = self.is_as_promised()
        is_good = fail_over(self, say) and is_good
        return self.is_as_promised() and is_good

    def serve(self) -> None:
        """Until `stop`, Ctrl-C, or the death of pgsteer."""
        with Listener(self.proxy.folder) as listener:
            say(self.introduction())
            while self.proxy.process.poll() is None:
                command = listener.next_command(0.5)
                if command and not self._obey(*command):
                    return
        raise CannotStart(f"pgsteer ended by itself; its last words:\n{self.proxy.log_text()[-3000:]}")

    def _obey(self, command: str, connection) -> bool:
        """False when the demo is to end."""
        with connection, connection.makefile("w", encoding="utf-8") as out:
            def tell(text: str) -> None:
                say(text)
                try:
                    print(text, file=out, flush=True)
                except OSError:
                    pass  # The other terminal left; the story goes on here.

            is_good = True
            if command == "failover":
                is_good = fail_over(self, tell)
            elif command == "status":
                tell(self.status_text())
            elif command == "stop":
                tell("The demo ends.")
            else:
                is_good = False
                tell(f"unknown command {command}")
            try:
                print(f"exit code {0 if is_good else 1}", file=out, flush=True)
            except OSError:
                pass
        return command != "stop"
