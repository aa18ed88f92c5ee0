"""bench/probe/run's measurement."""
import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/cluster"), str(ROOT / "bench")]

from harness.backend import Backend  # noqa: E402
from harness.cluster import PgCluster  # noqa: E402
from harness.folders import memory_folder  # noqa: E402
from harness.proxy import Pgsteer  # noqa: E402
from harness.wait import wait_until  # noqa: E402
from reporting import page  # noqa: E402
from reporting.figures import markdown, quantile  # noqa: E402

SETTLE_SECONDS = 3  # Bursts of the start are over.
NANOSECONDS = 1e9


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/probe/run")
    parser.add_argument("--backends", default="3,10", help="how many, the primary included")
    parser.add_argument("--rounds", type=int, default=5, help="of each, by turns")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="of probe")
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def processor_seconds(pid: int) -> float:
    """Of all threads, to the nanosecond: the first field of /proc/PID/task/TID/schedstat."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / NANOSECONDS


def listen_on_all_of_loopback(backend: Backend) -> None:
    backend.stop()
    with open(backend.data / "pg_hba.conf", "a", encoding="utf-8") as hba:
        hba.write("host all all 127.0.0.0/8 scram-sha-256\n")
    backend.ip = "*"
    backend.start()


def share_of_a_core(cluster: PgCluster, count: int, options: argparse.Namespace) -> float:
    standby = cluster.standbys()[0]
    addresses = [cluster.primary.address] + [f"127.0.0.{i}:{standby.port}" for i in range(2, count + 1)]
    source = "static: [" + ", ".join(f'"{address}"' for address in addresses) + "]"
    probe = dict(option.split("=", 1) for option in options.option)
    with Pgsteer(cluster, options.binary, source=source, probe=probe, waits=False) as proxy:
        wait_until(lambda: sum(b["ro_eligible"] for b in proxy.topology()["backends"]) == count - 1, what="every role")
        time.sleep(SETTLE_SECONDS)
        before, began = processor_seconds(proxy.process.pid), time.monotonic()
        time.sleep(options.seconds)
        return (processor_seconds(proxy.process.pid) - before) / (time.monotonic() - began)


def main() -> None:
    options = arguments()
    os.environ.setdefault("PGSTEER_DATA_FOLDER", memory_folder())
    counts = [int(word) for word in options.backends.split(",")]
    shares = {count: [] for count in counts}
    with PgCluster(backends=2) as cluster:
        listen_on_all_of_loopback(cluster.standbys()[0])
        for _ in range(options.rounds):
            for count in counts:
                shares[count].append(share_of_a_core(cluster, count, options))
    rows = [[count, len(found), *(f"{quantile(found, q):.2%}" for q in (0, 0.5, 1))] for count, found in shares.items()]
    print(page.machine())
    print(markdown(["backends", f"rounds of {options.seconds:g} s", "of one core: least", "median", "most"], rows))


if __name__ == "__main__":
    main()
