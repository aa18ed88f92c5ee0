"""A million short sessions leave nothing behind: no descriptor, no memory. Started by scripts/soak sessions.

Each logs in, asks one query, says goodbye; 64 at a time, through pgsteer with each relay engine, against the backend of
bench/load. What the process holds is looked at after the first tenth, when every pool is filled, and at the end.
"""
import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench" / "load"), str(ROOT / "bench"), str(ROOT / "tests" / "cluster")]
from harness import processes  # noqa: E402
from harness.wait import free_port  # noqa: E402
from measure import meter, proxies  # noqa: E402
from measure.hosts import Hosts, Placement  # noqa: E402
from measure.programs import LISTEN_PORT, FakeBackend, LoadClient  # noqa: E402

AT_ONCE = 64
PART_SECONDS = 20
# Of memory: what a pool or an arena may still grow by, whatever the number of sessions.
GROWTH_MAX_BYTES = 1 << 20
SETTLE_SECONDS = 20


class Holdings:
    def __init__(self, pid: int):
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.memory = meter.user_memory_bytes(pid)

    def __str__(self) -> str:
        return f"{self.descriptors} descriptors, {self.memory / 1024:.0f} KiB of user memory"


def at_rest(pid: int, descriptors: int = 0) -> Holdings:
    """Once no session is left, which takes a moment after the client has gone."""
    deadline = time.monotonic() + SETTLE_SECONDS
    found = Holdings(pid)
    while time.monotonic() < deadline and (not descriptors or found.descriptors > descriptors):
        time.sleep(0.2)
        found = Holdings(pid)
    return found


def run_sessions(programs: Path, hosts, proxy, wanted: int) -> int:
    done = 0
    while done < wanted:
        with LoadClient(programs, hosts, proxy.ip, proxy.port, logins=AT_ONCE, seconds=PART_SECONDS) as client:
            client.until("ready")
            client.go()
            client.until("began")
            done += client.until("ended")["count"]
    return done


def soak(options: argparse.Namespace, engine: str) -> bool:
    with Hosts(Placement("soak", "veth", True, 2)) as hosts, \
            FakeBackend(options.programs, hosts, LISTEN_PORT) as backend, \
            proxies.make(f"pgsteer-{engine}", hosts, backend, free_port(), {"pgsteer": options.binary}) as proxy:
        proxies.wait_ready(proxy, backend)
        first = run_sessions(options.programs, hosts, proxy, options.sessions // 10)
        before = at_rest(proxy.pid)
        time.sleep(1)
        before = at_rest(proxy.pid)
        done = first + run_sessions(options.programs, hosts, proxy, options.sessions - first)
        after = at_rest(proxy.pid, before.descriptors)
    is_good = after.descriptors <= before.descriptors and after.memory - before.memory <= GROWTH_MAX_BYTES
    print(f"{engine}: {done:,} sessions; after {first:,}: {before}; at the end: {after}: "
          f"{'nothing left behind' if is_good else 'LEAKED'}", flush=True)
    return is_good


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak sessions")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="through each engine")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    processes.adopt_orphans()
    return 0 if all([soak(options, engine) for engine in ("epoll", "io_uring")]) else 1


if __name__ == "__main__":
    sys.exit(main())
