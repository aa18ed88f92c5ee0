"""A running pgsteer: its configuration, its process, its admin API.

Flow: with Pgsteer(cluster, binary) as proxy -> proxy.rw_port, proxy.ro_port, proxy.topology() ...; leaving the
block stops it by SIGTERM and asserts exit code 0.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from . import processes
from .cluster import PROBE_PASSWORD, PgCluster
from .wait import PATIENCE, free_port, wait_until


# Whatever proxy the environment names, it does not know the hosts of a test.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# Configurations for tests that share two cores with compilers: however long the machine stands still, pgsteer takes no
# backend for lost, holds no login too long and ends no session for its age. What ends anything in a test is then the
# mechanism that the test is about, which sets its own time.
CALM_PROBE = {"timeout": "20s", "late_after": "20s"}
# Where a silent backend is to be noticed. Ten times what a busy machine shows; what is slower all the same is spared, so
# such a test bears with a reader or two that go elsewhere.
SHARP = {"probe": {"timeout": "3s", "late_after": "1s"}, "limits": {"connect_timeout": "3s"}}
PATIENT_CLUSTER = {"role_ttl": "2m", "dead_after": "1h"}
PATIENT_LISTENER = {"hold_timeout": "2m"}
PATIENT_LIMITS = {"startup_timeout": "10m", "connect_timeout": "1m", "login_timeout": "10m", "cancel_timeout": "1m"}


def patient(rw: dict = None, ro: dict = None, probe: dict = None, cluster_keys: dict = None, limits: dict = None,
            **options) -> dict:
    """The same options for Pgsteer, with these times where none are given."""
    return {"rw": {**PATIENT_LISTENER, **(rw or {})}, "ro": {**PATIENT_LISTENER, **(ro or {})},
            "probe": {**CALM_PROBE, **(probe or {})}, "cluster_keys": {**PATIENT_CLUSTER, **(cluster_keys or {})},
            "limits": {**PATIENT_LIMITS, **(limits or {})}, **options}


class Pgsteer:
    def __init__(self, cluster: PgCluster, binary: Path, rw: dict = None, ro: dict = None, extra: str = "",
                 probe: dict = None, ports: tuple = (), level: str = "info", host=None,
                 source: str = None, cluster_keys: dict = None, limits: dict = None, waits: bool = True,
                 environment: dict = None):
        """rw, ro, probe, cluster_keys, limits: keys of the configuration to add or to change; extra: more of it, as
        text; host: the network.Host it runs on, else loopback; source: cluster.backends, else a static list; waits: for
        readiness and every backend's role, when it starts; environment: variables beside those of the test."""
        self.cluster = cluster
        self.binary = binary
        self.host = host
        self.ip = host.address if host else "127.0.0.1"
        self.folder = Path(tempfile.mkdtemp(prefix="pgsteer-run-"))
        self.rw_port, self.ro_port, self.admin_port = ports or (free_port(), free_port(), free_port())
        self.config_path = self.folder / "pgsteer.yaml"
        self.log_path = self.folder / "pgsteer.log"
        self.control_path = self.folder / "control.sock"
        self.process = None
        self.good_exit_codes = {0}
        self.source = source or "static: [" + ", ".join(f'"{b.address}"' for b in cluster.backends) + "]"
        self.cluster_keys = cluster_keys or {}
        self.limits = limits or {}
        self.waits = waits
        self.environment = {**os.environ, **(environment or {})}
        self._write_config(rw or {}, ro or {}, probe or {}, extra, level)

    def _write_config(self, rw: dict, ro: dict, probe: dict, extra: str, level: str) -> None:
        password_file = self.folder / "probe.password"
        password_file.touch(mode=0o600)
        password_file.write_text(PROBE_PASSWORD + "\n")
        probe = {"user": "pgsteer", "password_file": str(password_file), "database": "postgres", **probe}
        rw = {"name": "rw", "bind": f"{self.ip}:{self.rw_port}", "route": "primary", **rw}
        ro = {"name": "ro", "bind": f"{self.ip}:{self.ro_port}", "route": "prefer-standby", **ro}
        # JSON is YAML; it spares the quoting.
        more = "".join(f", {key}: {json.dumps(value)}" for key, value in self.cluster_keys.items())
        limits = f"limits: {json.dumps(self.limits)}\n" if self.limits else ""
        self.config_path.write_text(
            f"cluster: {{ backends: {{ {self.source} }}{more} }}\n"
            f"probe: {json.dumps(probe)}\n"
            f"listeners:\n  - {json.dumps(rw)}\n  - {json.dumps(ro)}\n"
            f'admin: {{ bind: "{self.ip}:{self.admin_port}" }}\n'
            f'control: {{ socket: "{self.control_path}" }}\n'
            f"log: {{ level: {level}, format: text }}\n{limits}{extra}")

    def __enter__(self):
        try:
            self.start()
            if self.waits:
                self.wait_ready()
            else:
                wait_until(lambda: self._is_up() and self.get("/livez")[0] == 200, what="pgsteer to run")
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, kind, *unused) -> None:
        try:
            if kind is None:
                self.stop()
        finally:
            self.destroy()

    def start(self, *words: str, sockets: dict = None) -> None:
        """sockets: name -> listening socket, as systemd passes them."""
        command = [str(self.binary), "run", *words, "--config", str(self.config_path)]
        passed = list((sockets or {}).values())
        if passed:
            # The process id is known to the process alone; descriptors begin with 3.
            moves = " ".join(f"{3 + i}<&{each.fileno()}" for i, each in enumerate(passed))
            command = ["bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS={len(passed)} LISTEN_FDNAMES={":".join(sockets)} '
                                     f'exec "$@" {moves}', "bash", *command]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.host.command(command) if self.host else command, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, env=self.environment, pass_fds=[each.fileno() for each in passed],
                preexec_fn=processes.die_with_parent(signal.SIGKILL))

    def wait_ready(self, timeout: float = PATIENCE) -> None:
        """Ready, and every running backend has been probed: the first routing decision knows them all."""
        wait_until(lambda: self._is_up() and self.is_ready() and self._knows_roles(), timeout, "pgsteer to be ready")

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit(f"pgsteer ended with {self.process.returncode}:\n{self.log_text()}")
        return True

    def _knows_roles(self) -> bool:
        known = {b["address"]: b for b in self.topology()["backends"]}
        return all(known[b.address]["role"] != "unknown" for b in self.cluster.backends if b.is_running())

    def stop(self, timeout: float = 120) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        assert code in self.good_exit_codes, f"pgsteer ended with {code}:\n{self.log_text()[-5000:]}"

    def destroy(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, path: str) -> tuple:
        """(status, body) of an admin page."""
        try:
            with _OPENER.open(f"http://{self.ip}:{self.admin_port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def command(self, *words: str) -> subprocess.CompletedProcess:
        """`pgsteer reload` and the like, which ask this one."""
        return subprocess.run([str(self.binary), *words, "--control", str(self.control_path)], timeout=PATIENCE,
                              capture_output=True, text=True, check=False)

    def edit_config(self, *changes: tuple) -> None:
        """Each (old, new) once, in the text of the file."""
        text = self.config_path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in\n{text}"
            text = text.replace(old, new)
        self.config_path.write_text(text)

    def reload(self, *changes: tuple) -> str:
        """Edits the file and has it taken in; what the command prints."""
        self.edit_config(*changes)
        done = self.command("reload")
        assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def upgrade(self, *words: str) -> str:
        """Has another process take over, and goes on with that one; what the command prints."""
        processes.adopt_orphans()
        done = self.command("upgrade", *words)
        assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}\n{self.log_text()[-5000:]}"
        successor = int(re.match(r"process (\d+) has taken over", done.stdout).group(1))
        code = self.process.wait(PATIENCE)
        assert code == 0, f"the process of before ended with {code}:\n{self.log_text()[-5000:]}"
        self.process = processes.Orphan(successor)
        return done.stdout

    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def topology(self) -> dict:
        return json.loads(self.get("/api/v1/topology")[1])

    def backend_view(self, backend) -> dict:
        return next(b for b in self.topology()["backends"] if b["address"] == backend.address)

    def wait_primary(self, backend) -> None:
        wait_until(lambda: self.topology()["primary"] == backend.address,
                   what=f"pgsteer to see {backend.address} as the primary")

    def probes(self) -> float:
        """How many have ended so far, at any backend and in any way."""
        return sum(value for name, value in self.metrics().items() if name.startswith("pgsteer_probes_total"))

    def wait_view(self, backend, key: str, value: bool = True, words: str = "") -> None:
        """Until a backend is (not) rw_eligible or ro_eligible, and these words are in the reason."""
        def is_so() -> bool:
            view = self.backend_view(backend)
            return view[key] == value and words in view["reason"]

        wait_until(is_so, what=f"{backend.address} to have {key}={value} and {words!r} as the reason")

    def wait_standbys(self, count: int) -> None:
        """Of several, none that is taken for want of another: it rests as soon as that one has rested."""
        def is_taken(view: dict) -> bool:
            is_last_resort = count > 1 and "lost repeatedly but the only one" in view["reason"]
            return view["ro_eligible"] and view["role"] == "standby" and not is_last_resort
        wait_until(lambda: sum(map(is_taken, self.topology()["backends"])) == count, what=f"{count} eligible standbys")

    def stood_still(self) -> bool:
        """The machine did not let it run for a second or more, so that it asked every backend anew."""
        return "the process did not run for a while" in self.log_text()

    def closed_sessions(self, reason: str) -> float:
        """Of both listeners, for this close_reason."""
        return sum(value for name, value in self.metrics().items()
                   if name.startswith("pgsteer_sessions_closed_total") and f'reason="{reason}"' in name)

    def metrics(self) -> dict:
        """{'pgsteer_sessions{listener="rw"}': 3.0, ...}"""
        found = re.findall(r"^(pgsteer_[^ #]+(?:\{[^}]*\})?) (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return {name: float(value) for name, value in found}

    def wait_logged(self, words: str, count: int = 1) -> None:
        """The log is written by a thread of its own."""
        wait_until(lambda: self.log_text().count(words) == count, what=f"{words!r} in the log, {count} times")

    def rss_bytes(self, peak: bool = False) -> int:
        field = "VmHWM" if peak else "VmRSS"
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", text).group(1)) * 1024

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
