"""One load on one proxy, measured: a record with what the client counted and what everybody used meanwhile."""
from dataclasses import dataclass, field

from . import meter
from .programs import CpuShares, LoadClient


@dataclass(frozen=True)
class Case:
    """arguments: of load_client. The name stands in tables and results."""
    load: str
    name: str
    arguments: dict = field(default_factory=dict)
    is_timed: bool = True  # by --seconds; else by how much is moved


LOADS = {"a": "Round trips, closed loop", "b": "pgbench on PostgreSQL, prepared", "c": "Bulk",
         "d": "32 small sessions beside a bulk flow in each direction", "e": "New sessions: login, one query, goodbye",
         "f": "16 active sessions among idle ones", "g": "16 active sessions among stalled ones"}
# Variants that change nothing but how to wait, or how bulk is moved, are left to the loads that notice.
WAITING_MATTERS, SPLICING_MATTERS = set("abd"), set("acdg")
# Of these placements more than one load is not worth its hours.
ONLY_ROUND_TRIPS = {"two-workers"}
ACTIVE_AMONG_OTHERS, STALLED = 16, 200
# Until all sockets on the way of the stalled results are full: some 3 GB, at 1 GB/s or less.
FILLED_SECONDS = 6
BLOCK_BYTES = 256 * 1024  # block_bytes in programs/traffic.hpp


def cases(load: str, bulk_bytes: int) -> list:
    blocks = max(1, bulk_bytes // BLOCK_BYTES)
    found = {
        "a": [Case("a", f"{n} session{'s' if n > 1 else ''}", {"small": n}) for n in (1, 16, 64, 512)],
        "b": [Case("b", f"{title}, {clients} client{'s' if clients > 1 else ''}",
                   {"script": script, "clients": clients})
              for script, title, clients in (("select-only", "pgbench -S", 1), ("select-only", "pgbench -S", 32),
                                             ("tpcb-like", "TPC-B-like", 32))],
        "c": [Case("c", "out", {"bulk_out": 1, "blocks": blocks}, is_timed=False),
              Case("c", "in", {"bulk_in": 1, "blocks": blocks}, is_timed=False)],
        "d": [Case("d", "32 small, 2 bulk", {"small": 32, "bulk_out": 1, "bulk_in": 1})],
        "e": [Case("e", "logins", {"logins": 16})],
        "f": [Case("f", f"{n} idle", {"idle": n, "small": ACTIVE_AMONG_OTHERS}) for n in (0, 1000, 5000, 9000)],
        "g": [Case("g", f"{n} stalled", {"stalled": n, "small": ACTIVE_AMONG_OTHERS, "warmup": FILLED_SECONDS})
              for n in (0, STALLED)]}
    return found[load]


def is_worth(load: str, placement: str, proxy: str) -> bool:
    """Measured unless proxies and placements are named."""
    words = set(proxy.split("-")[1:])
    return not ((words & {"spin", "nospin", "busy"} and load not in WAITING_MATTERS)
                or ("splice" in words and load not in SPLICING_MATTERS)
                or (placement in ONLY_ROUND_TRIPS and load != "a"))


def measure(folder, hosts, proxy, backend, case: Case, seconds: float) -> dict:
    """The record's figures of one run."""
    timed = {"seconds": seconds} if case.is_timed else {}
    memory_before = meter.user_memory_bytes(proxy.pid) if proxy.pid else 0
    with LoadClient(folder, hosts, proxy.ip, proxy.port, **case.arguments, **timed) as client:
        opened = client.until("ready")["ready"]
        memory_ready = meter.user_memory_bytes(proxy.pid) if proxy.pid else 0
        client.go()
        client.until("began")
        shares = CpuShares({"client": client.pid, "proxy": proxy.pid, "backend": backend.pid}, hosts.cores)
        counted = client.until("ended")
        used = shares.taken()
        memory_after = meter.user_memory_bytes(proxy.pid) if proxy.pid else 0
    record = {key: counted[key] for key in ("seconds", "count", "bulk_out_bytes", "bulk_in_bytes")}
    record |= {key: counted[key] for key in ("p50_us", "p99_us", "p999_us") if counted["count"]}
    record |= used | {"sessions": opened}
    if proxy.pid:
        record |= {"memory_before": memory_before, "memory_ready": memory_ready, "memory_after": memory_after}
    return record | _derived(record, case)


def _derived(record: dict, case: Case) -> dict:
    bulk = record["bulk_out_bytes"] + record["bulk_in_bytes"]
    found = {} if not case.is_timed else {"rate": record["count"] / record["seconds"]}
    if bulk:
        found["bulk_gbit"] = bulk * 8 / 1e9 / record["seconds"]
    if "proxy_cpu_seconds" in record:
        if record["count"] and not bulk:
            found["cpu_us_each"] = record["proxy_cpu_seconds"] * 1e6 / record["count"]
        if bulk:
            found["cpu_s_per_gb"] = record["proxy_cpu_seconds"] * 1e9 / bulk
        if case.arguments.get("idle"):
            found["memory_each"] = (record["memory_ready"] - record["memory_before"]) / record["sessions"]
        if case.arguments.get("stalled"):
            grown = record["memory_after"] - record["memory_ready"]
            found["stalled_memory_each"] = grown / case.arguments["stalled"]
    return found
