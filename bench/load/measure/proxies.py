"""The proxies that are measured, by name, each as simple as it is fast: one backend, no checks where none are needed.

direct                       no proxy
pgsteer-ENGINE[-WORD...]     epoll, io_uring or auto; spin or nospin: relay.spin on or off, else its default
haproxy[-splice][-busy]      splice-auto, busy-polling; haproxy@VERSION...: another program, see binaries()
nginx                        stream
pgbouncer                    session pooling
"""
import json
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from harness import processes

from .programs import USER, LoadFailed, stop

# Two sockets each, and room for others, below the 20,000 files that containers often allow.
SESSIONS_MAX = 9_800
DEFAULT = ["direct", "pgsteer-epoll", "pgsteer-io_uring", "pgsteer-epoll-spin", "pgsteer-epoll-nospin",
           "pgsteer-io_uring-spin", "pgsteer-io_uring-nospin", "haproxy", "haproxy-splice",
           "haproxy-busy", "haproxy-splice-busy", "nginx", "pgbouncer"]
READY_SECONDS = 15
ENDS_SECONDS = 5


class Unavailable(RuntimeError):
    """This binary or this machine does not know that proxy; why."""


def binaries(pgsteer: Path, other_haproxy: Path = None) -> dict:
    """Family -> program. A second HAProxy is a family of its own, named after its version."""
    found = {"pgsteer": pgsteer, "haproxy": "haproxy", "nginx": "nginx", "pgbouncer": "pgbouncer"}
    if other_haproxy:
        # "HAProxy version 3.5-dev3-1234 2026/01/01 - https://haproxy.org/"
        number = _first_line(other_haproxy, "-v").split()[2].partition("-")[0]
        found[f"haproxy@{number}"] = other_haproxy.resolve()
    return found


def with_other_haproxy(names: list, families: dict) -> list:
    """These proxies, and HAProxy's once more with the other binary."""
    others = [family for family in families if family.startswith("haproxy@")]
    more = [name.replace("haproxy", family, 1) for family in others for name in names if name.split("-")[0] == "haproxy"]
    return list(dict.fromkeys(names + more))


def versions(families: dict, commit: str) -> dict:
    """commit: that pgsteer was built from; empty if nobody knows."""
    found = {family: _first_line(program, "-v" if family.partition("@")[0] in ("haproxy", "nginx") else "--version")
             for family, program in families.items()}
    if commit:
        found["pgsteer"] += f" ({commit})"
    return found | {"postgresql": _first_line("/usr/lib/postgresql/15/bin/postgres", "--version")}


def _first_line(*command) -> str:
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=True)
    return (done.stdout or done.stderr).splitlines()[0]


class Direct:
    """The client's own cable."""
    pid = None

    def __init__(self, hosts, backend):
        self.ip, self.port = hosts.backend.address, backend.port

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        pass

    def confirm(self) -> None:
        pass


class Proxy:
    """A process with a configuration file. Flow: with Proxy(...) as proxy -> proxy.ip, proxy.port, proxy.pid."""
    as_postgres = False

    def __init__(self, hosts, backend, port: int, binary: str, words: list):
        """words: the parts of its name behind the first."""
        self.hosts, self.backend, self.port, self.binary, self.words = hosts, backend, port, str(binary), words
        self.ip = hosts.proxy.address
        self.folder = Path(tempfile.mkdtemp(prefix="load-proxy-"))
        self.folder.chmod(0o755)
        self.config = self.folder / "config"
        self.log_path = self.folder / "log"
        self.process = None

    @property
    def workers(self) -> int:
        return self.hosts.placement.workers

    @property
    def pid(self) -> int:
        return self.process.pid

    def configuration(self) -> str:
        raise NotImplementedError

    def command(self) -> list:
        raise NotImplementedError

    def check(self) -> None:
        """Before it is started; raises Unavailable."""

    def confirm(self) -> None:
        """Once it serves sessions; raises Unavailable if it is not what its name says."""

    def __enter__(self):
        try:
            self.config.write_text(self.configuration())
            if self.as_postgres:
                for path in (self.folder, self.config):
                    processes.give_to_postgres(path)
            self.check()
            command = self.hosts.proxy.command(self.command(), as_postgres=self.as_postgres, dies_with_parent="KILL")
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                start_new_session=True)
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *unused) -> None:
        self.destroy()

    def destroy(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(ENDS_SECONDS)
            except subprocess.TimeoutExpired:
                stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace")[-2000:] if self.log_path.exists() else ""


class Pgsteer(Proxy):
    SPIN = {"spin": "on", "nospin": "off"}

    def configuration(self) -> str:
        relay = {"engine": self.words[0] if self.words else "auto"}
        relay |= {"spin": self.SPIN[word] for word in self.words[1:]}
        parts = {"cluster": {"backends": {"static": [self.backend.address]}},
                 "probe": {"user": "pgsteer", "database": "postgres"},
                 "listeners": [{"name": "rw", "bind": f"{self.ip}:{self.port}", "route": "primary"}],
                 "admin": {"bind": f"127.0.0.1:{self.port + 1}"}, "workers": self.workers, "relay": relay,
                 "drain_timeout": "0s", "limits": {"sessions": SESSIONS_MAX}}
        return json.dumps(parts)  # JSON is YAML.

    def check(self) -> None:
        done = subprocess.run([self.binary, "check", "--config", str(self.config)], text=True, capture_output=True,
                              check=False)
        if done.returncode != 0:
            raise Unavailable((done.stdout + done.stderr).strip().replace(str(self.config), "config"))

    def confirm(self) -> None:
        """Where the kernel denies io_uring it falls back to epoll, and its log says so."""
        engine = self.words[0] if self.words else "auto"
        if engine != "auto" and f"relay_engine={engine}" not in self.log_path.read_text():
            raise Unavailable(f"this machine does not run the engine {engine}")

    def command(self) -> list:
        return [self.binary, "run", "--config", self.config]


class Haproxy(Proxy):
    def configuration(self) -> str:
        busy = ["busy-polling"] if "busy" in self.words else []
        splice = ["option splice-auto"] if "splice" in self.words else []
        # Else it sets two files for every second session aside, for pipes of which these loads need a few.
        pipes = ["maxpipes 64"] if splice else []
        sections = {
            "global": [f"maxconn {SESSIONS_MAX}", f"nbthread {self.workers}", *busy, *pipes],
            "defaults": ["mode tcp", "timeout connect 5s", "timeout client 1h", "timeout server 1h", *splice],
            "listen load": [f"bind {self.ip}:{self.port}", f"server backend {self.backend.address}"]}
        return "".join(f"{name}\n" + "".join(f"  {line}\n" for line in lines) for name, lines in sections.items())

    def command(self) -> list:
        return [self.binary, "-db", "-f", self.config]


class Nginx(Proxy):
    def configuration(self) -> str:
        return f"""load_module modules/ngx_stream_module.so;
user root; daemon off; pid {self.folder}/pid; error_log {self.log_path} warn;
worker_processes {self.workers}; worker_rlimit_nofile {2 * SESSIONS_MAX};
events {{ worker_connections {2 * SESSIONS_MAX}; }}
stream {{
  server {{ listen {self.ip}:{self.port} reuseport; proxy_pass {self.backend.address}; proxy_timeout 1h; }}
}}
"""

    def check(self) -> None:
        if not Path("/usr/lib/nginx/modules/ngx_stream_module.so").exists():
            raise Unavailable("libnginx-mod-stream is not installed")

    def command(self) -> list:
        return [self.binary, "-p", "/usr/share/nginx", "-e", self.log_path, "-c", self.config]


class Pgbouncer(Proxy):
    """As many processes as workers would need so_reuseport and cancels that find their process: one worker only."""
    as_postgres = True

    def configuration(self) -> str:
        users = self.folder / "users"
        users.write_text("".join(f'"{user}" ""\n' for user in (USER, "postgres")))
        host, _, port = self.backend.address.partition(":")
        pairs = {"listen_addr": self.ip, "listen_port": self.port, "unix_socket_dir": "", "auth_type": "trust",
                 "auth_file": users, "pool_mode": "session", "max_client_conn": SESSIONS_MAX,
                 "default_pool_size": SESSIONS_MAX, "listen_backlog": 4096, "log_connections": 0,
                 "log_disconnections": 0, "logfile": "", "ignore_startup_parameters": "extra_float_digits"}
        return (f"[databases]\n* = host={host} port={port}\n[pgbouncer]\n" +
                "".join(f"{key} = {value}\n" for key, value in pairs.items()))

    def check(self) -> None:
        if self.workers > 1:
            raise Unavailable("one process has one thread")

    def command(self) -> list:
        return [self.binary, self.config]


FAMILIES = {"pgsteer": Pgsteer, "haproxy": Haproxy, "nginx": Nginx, "pgbouncer": Pgbouncer}


def make(name: str, hosts, backend, port: int, binaries: dict):
    """The proxy of that name in front of the backend, not yet entered."""
    if name == "direct":
        return Direct(hosts, backend)
    family, *words = name.split("-")
    if family.partition("@")[0] not in FAMILIES:
        raise ValueError(f"no such proxy: {name}")
    return FAMILIES[family.partition("@")[0]](hosts, backend, port, binaries[family], words)


def wait_ready(proxy, backend) -> None:
    """Until a session gets through; pgsteer holds the first ones itself."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            processes.run(backend.try_command(proxy.ip, proxy.port), timeout=READY_SECONDS, stdin=subprocess.DEVNULL)
            proxy.confirm()
            return
        except (processes.CommandFailed, subprocess.TimeoutExpired) as failed:
            if time.monotonic() > deadline:
                log = proxy.log_text() if proxy.pid else ""
                raise LoadFailed(f"no session got through: {failed}\n{log}") from failed
        time.sleep(0.05)
