"""Upgrades under load on loopback: bench/upgrade/run says how it is called, README.md what it measures."""
import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "load"), str(HERE.parents[1] / "tests" / "cluster")]
from harness.processes import Orphan, adopt_orphans  # noqa: E402  pylint: disable=wrong-import-position
from harness.wait import free_port, wait_until  # noqa: E402  pylint: disable=wrong-import-position
from measure.hosts import PLACEMENTS, Hosts  # noqa: E402  pylint: disable=wrong-import-position
from measure.programs import FakeBackend, LoadClient  # noqa: E402  pylint: disable=wrong-import-position

# Between two upgrades; the first one comes so long after the load has begun.
PAUSE_SECONDS = 0.5
SESSIONS_MAX = 9_000
CONFIG = """
cluster: {{ backends: {{ static: ["{backend}"] }} }}
probe: {{ user: pgsteer, database: postgres, sslmode: disable }}
listeners: [{{ name: rw, bind: "127.0.0.1:{rw}", route: primary }}]
admin: {{ bind: "127.0.0.1:{admin}" }}
control: {{ socket: "{folder}/control.sock" }}
limits: {{ sessions: {sessions}, pending_logins: {sessions} }}
relay: {{ engine: {engine} }}
drain_timeout: 0s
"""


class Pgsteer:
    def __init__(self, binary: Path, backend: str, engine: str, folder: Path):
        self.binary, self.folder, self.port = binary, folder, free_port()
        (folder / "config").write_text(CONFIG.format(backend=backend, rw=self.port, admin=free_port(), folder=folder,
                                                     sessions=SESSIONS_MAX, engine=engine))
        with open(folder / "log", "ab") as log:
            self.process = subprocess.Popen([binary, "run", "--config", folder / "config"], stdout=log, stderr=log)

    def __enter__(self):
        wait_until(lambda: "primary is proven" in self.log(), what="pgsteer to see its backend")
        return self

    def __exit__(self, *unused) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def upgrade(self) -> None:
        done = subprocess.run([self.binary, "upgrade", "--control", self.folder / "control.sock"], text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        self.process.wait(30)
        self.process = Orphan(int(done.stdout.split()[1]))

    def hand_overs(self) -> list:
        """(sessions, seconds) of each."""
        found = re.findall(r"handed over to another process pid=\d+ sessions=(\d+) seconds=\S+ giving_seconds=(\S+)",
                           self.log())
        return [(int(sessions), float(took)) for sessions, took in found]


def measure_once(args, hosts, engine: str) -> dict:
    with tempfile.TemporaryDirectory() as folder, FakeBackend(args.programs, hosts, free_port()) as backend, \
            Pgsteer(args.binary, backend.address, engine, Path(folder)) as proxy, \
            LoadClient(args.programs, hosts, "127.0.0.1", proxy.port, idle=args.idle, small=args.small,
                       slowest=max(1, args.small * args.upgrades // 100), seconds=PAUSE_SECONDS * (args.upgrades + 1) + args.upgrades) as client:
        client.until("ready")
        client.go()
        client.until("began")
        for _ in range(args.upgrades):
            time.sleep(PAUSE_SECONDS)
            proxy.upgrade()
        ended = client.until("ended")
        # Of its own accord the client ends them after this, some of them amid an answer.
        lost = proxy.log().count("session ended")
        client.process.stdin.close()
        if client.process.wait(60) != 0:
            raise RuntimeError(client.process.stderr.read())
        moved = proxy.hand_overs()
        return {"engine": engine, "lost": lost, "sessions": [sessions for sessions, _ in moved],
                "giving_ms": [round(took * 1e3, 1) for _, took in moved],
                "pause_p99_ms": round(ended["slowest_us"] / 1e3, 2), "pause_max_ms": round(ended["max_us"] / 1e3, 2),
                "usual_p99_ms": round(ended["p99_us"] / 1e3, 2)}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("idle", 4936), ("small", 64), ("upgrades", 5), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--engines", default="epoll,io_uring")
    parser.add_argument("--programs", type=lambda path: Path(path).resolve(), required=True)
    parser.add_argument("--binary", type=lambda path: Path(path).resolve(), required=True)
    args = parser.parse_args()
    adopt_orphans()
    results = []
    with Hosts(PLACEMENTS["loopback"]) as hosts:
        for _ in range(args.rounds):
            for engine in args.engines.split(","):
                results.append(measure_once(args, hosts, engine))
                print(json.dumps(results[-1]), flush=True)
    for engine in args.engines.split(","):
        of_engine = [each for each in results if each["engine"] == engine]
        print(f"{engine}: giving {statistics.median(ms for each in of_engine for ms in each['giving_ms']):.0f} ms, pause "
              f"p99 {statistics.median(each['pause_p99_ms'] for each in of_engine):.2f} ms, longest "
              f"{max(each['pause_max_ms'] for each in of_engine):.2f} ms, lost {sum(each['lost'] for each in of_engine)}")


if __name__ == "__main__":
    main()
