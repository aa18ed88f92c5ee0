"""pgbench through both listeners, restarted whenever a failover ends it, at a rate that keeps half the machine busy."""
import signal
import subprocess
import threading

from harness import processes
from harness.cluster import BIN_DIR

from .clients import busy_share_during

SESSIONS = 4
# Transactions a second at factor 1: TPC-B-like on rw, select-only on ro.
WRITES, READS = 100, 1000


class Bench(threading.Thread):
    """One pgbench that is always there."""

    def __init__(self, ip: str, port: int, rate: float, arguments: list):
        super().__init__(daemon=True)
        self.command = [str(BIN_DIR / "pgbench"), "-n", "-M", "prepared", "-c", str(SESSIONS), "-R", f"{rate:.1f}",
                        "-T", "36000", "-h", ip, "-p", str(port), "-U", "load", *arguments, "appdb"]
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.process = None
        self.restarts = -1

    def run(self) -> None:
        while not self.stopped.is_set():
            with self.lock:
                if self.stopped.is_set():
                    return
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL,
                                                preexec_fn=processes.die_with_parent(signal.SIGKILL))
            self.restarts += 1
            self.process.wait()
            self.stopped.wait(0.1)

    def stop(self) -> None:
        with self.lock:
            self.stopped.set()
            if self.process and self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
        self.join()


class Load:
    """Flow: with Load(stage, factor) -> the pgbench pair runs."""

    def __init__(self, stage, factor: float):
        self.benches = []
        if factor > 0:
            self.benches = [Bench(stage.ip, stage.ports[0], WRITES * factor, []),
                            Bench(stage.ip, stage.ports[1], READS * factor, ["-S"])]

    def __enter__(self):
        for bench in self.benches:
            bench.start()
        return self

    def __exit__(self, *unused) -> None:
        for bench in self.benches:
            bench.stop()


def fill(primary) -> None:
    """pgbench's tables, 15 MB."""
    processes.run([BIN_DIR / "pgbench", "-i", "-q", "-s", "1", "-h", primary.ip, "-p", primary.port, "-U", "load",
                   "appdb"])


def calibrate(stage, target: float, say) -> float:
    """The factor at which the machine is this busy; a proxy and the timed clients run already."""
    idle = busy_share_during(2)
    factor = 1.0
    for _ in range(2):
        with Load(stage, factor):
            busy_share_during(1)
            busy = busy_share_during(3)
        say(f"load factor {factor:.2f}: {busy:.0%} busy, {idle:.0%} without")
        if busy <= idle or target <= idle:
            break
        factor *= (target - idle) / (busy - idle)
    if target <= idle:
        say("The machine is that busy without any load: none is added. Figures from a quiet machine are better.")
        return 0.0
    return factor
