"""A running pgsteer: its configuration, its process, its admin API.

Flow: with Pgsteer(cluster, binary) as proxy -> proxy.rw_port, proxy.ro_port, proxy.topology() ...; leaving the
block stops it by SIGTERM and asserts exit code 0.
"""
import json
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
from .wait import free_port, wait_until


# Whatever proxy the environment names, it does not know the hosts of a test.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Pgsteer:
    def __init__(self, cluster: PgCluster, binary: Path, rw: dict = None, ro: dict = None, extra: str = "",
                 probe: dict = None, ports: tuple = (), level: str = "info", host=None,
                 source: str = None, cluster_keys: dict = None, waits: bool = True):
        """rw, ro, probe, cluster_keys: keys of the configuration to add or to change; extra: more of it, as text;
        host: the network.Host it runs on, else loopback; source: cluster.backends, else a static list; waits: for
        readiness and every backend's role, when it starts."""
        self.cluster = cluster
        self.binary = binary
        self.host = host
        self.ip = host.address if host else "127.0.0.1"
        self.folder = Path(tempfile.mkdtemp(prefix="pgsteer-run-"))
        self.rw_port, self.ro_port, self.admin_port = ports or (free_port(), free_port(), free_port())
        self.config_path = self.folder / "pgsteer.yaml"
        self.log_path = self.folder / "pgsteer.log"
        self.process = None
        self.good_exit_codes = {0}
        self.source = source or "static: [" + ", ".join(f'"{b.address}"' for b in cluster.backends) + "]"
        self.cluster_keys = cluster_keys or {}
        self.waits = waits
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
        self.config_path.write_text(
            f"cluster: {{ backends: {{ {self.source} }}{more} }}\n"
            f"probe: {json.dumps(probe)}\n"
            f"listeners:\n  - {json.dumps(rw)}\n  - {json.dumps(ro)}\n"
            f'admin: {{ bind: "{self.ip}:{self.admin_port}" }}\n'
            f"log: {{ level: {level}, format: text }}\n{extra}")

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

    def start(self) -> None:
        command = [str(self.binary), "run", "--config", str(self.config_path)]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.host.command(command) if self.host else command, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=processes.die_with_parent(signal.SIGKILL))

    def wait_ready(self, timeout: float = 15) -> None:
        """Ready, and every running backend has been probed: the first routing decision knows them all."""
        wait_until(lambda: self._is_up() and self.is_ready() and self._knows_roles(), timeout, "pgsteer to be ready")

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit(f"pgsteer ended with {self.process.returncode}:\n{self.log_text()}")
        return True

    def _knows_roles(self) -> bool:
        known = {b["address"]: b for b in self.topology()["backends"]}
        return all(known[b.address]["role"] != "unknown" for b in self.cluster.backends if b.is_running())

    def stop(self, timeout: float = 60) -> None:
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
            with _OPENER.open(f"http://{self.ip}:{self.admin_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def topology(self) -> dict:
        return json.loads(self.get("/api/v1/topology")[1])

    def backend_view(self, backend) -> dict:
        return next(b for b in self.topology()["backends"] if b["address"] == backend.address)

    def wait_primary(self, backend, timeout: float = 10) -> None:
        wait_until(lambda: self.topology()["primary"] == backend.address, timeout,
                   f"pgsteer to see {backend.address} as the primary")

    def wait_standbys(self, count: int, timeout: float = 10) -> None:
        wait_until(lambda: sum(b["ro_eligible"] and b["role"] == "standby" for b in self.topology()["backends"]) == count,
                   timeout, f"{count} eligible standbys")

    def metrics(self) -> dict:
        """{'pgsteer_sessions{listener="rw"}': 3.0, ...}"""
        found = re.findall(r"^(pgsteer_[^ #]+(?:\{[^}]*\})?) (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return {name: float(value) for name, value in found}

    def rss_bytes(self, peak: bool = False) -> int:
        field = "VmHWM" if peak else "VmRSS"
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", text).group(1)) * 1024

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
