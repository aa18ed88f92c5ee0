"""A crowd of logins that begins while there is no primary: how long from pgsteer's decision until all are in."""
import json
import subprocess
import time
from datetime import datetime, timezone

from harness.proxy import Pgsteer
from harness.wait import free_port, wait_until

from . import proxies
from .clients import Client
from .faults import Kill
from .switchover import ACCOUNTS

CROWD = 500


def decision_at(proxy: Pgsteer, address: str, after: float) -> float:
    """When pgsteer logged that new logins may go to this backend; its log's times are whole milliseconds."""
    monotonic_minus_wall = time.monotonic() - time.time()
    for line in proxy.log_text().splitlines():
        if f"backend={address}" not in line.replace('"', "") or "rw_eligible=true" not in line:
            continue
        words = line.split()[0]
        wall = datetime.strptime(words, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
        at = wall + monotonic_minus_wall
        if at >= after:
            return at
    raise RuntimeError(f"pgsteer's log does not say when {address} became eligible:\n{proxy.log_text()[-2000:]}")


def crowd(stage, ip: str, port: int, auth: str) -> Client:
    return Client(stage.programs, "logins", ip, port, at_once=CROWD, **ACCOUNTS[auth])


def hold(stage, proxy: Pgsteer, auth: str, promote) -> dict:
    """The crowd waits; promote() returns the address of the new primary."""
    with crowd(stage, proxy.ip, proxy.rw_port, auth) as client:
        held = 'pgsteer_logins_held{listener="rw"}'
        wait_until(lambda: proxy.metrics()[held] == CROWD, 20, f"{CROWD} held logins")
        ordered_at = time.monotonic()
        address = promote()
        logins = client.wait(60)
    # The log's milliseconds are cut off, not rounded.
    decided_at = decision_at(proxy, address, ordered_at - 0.001)
    entered = [e["logged_in"] for e in logins if e["logged_in"]]
    return {"mode": "held", "auth": auth, "logins": len(logins), "failed": len(logins) - len(entered),
            "through": max(entered, default=decided_at) - decided_at, "ordered_to_decided": decided_at - ordered_at}


def with_postgresql(stage, auth: str) -> list:
    """The crowd at pgsteer, then as large a crowd that comes at once to PostgreSQL itself."""
    old_index, new_index = stage.cluster.primary_index, stage.choose_successor()
    new = stage.cluster.backends[new_index]

    def promote() -> str:
        stage.promote(new_index)
        return new.address

    with proxies.start("pgsteer", stage) as proxy:
        fault = Kill(stage, stage.cluster.primary)
        fault.strike()
        fault.reveal()
        record = hold(stage, proxy, auth, promote) | {"to": "PostgreSQL, held by pgsteer"}
    stage.follow_and_rejoin(old_index)
    return [record, directly(stage, auth)]


def directly(stage, auth: str) -> dict:
    primary = stage.cluster.primary
    with crowd(stage, primary.ip, primary.port, auth) as client:
        logins = client.wait(60)
    entered = [e["logged_in"] for e in logins if e["logged_in"]]
    begun = min(e["began"] for e in logins)
    return {"mode": "held", "to": "PostgreSQL, without a proxy", "auth": auth, "logins": len(logins),
            "failed": len(logins) - len(entered), "through": max(entered, default=begun) - begun}


class FakeBackend:
    """As much of harness.backend.Backend as Pgsteer asks for."""

    def __init__(self, port: int):
        self.port, self.address = port, f"127.0.0.1:{port}"

    def is_running(self) -> bool:
        return True


class FakeCluster:
    """Three backends in one process that answer like PostgreSQL and fork nothing."""

    def __init__(self, programs):
        self.process = subprocess.Popen([str(programs.fakes), "3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.backends = [FakeBackend(self._read("port")) for _ in range(3)]

    def _read(self, key: str):
        return json.loads(self.process.stdout.readline())[key]

    def tell(self, command: str, index: int) -> None:
        self.process.stdin.write(f"{command} {index}\n")
        self.process.stdin.flush()
        self._read(command)

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def with_fakes(stage) -> dict:
    with FakeCluster(stage.programs) as cluster:
        ports = (free_port(), free_port(), free_port())

        def promote() -> str:
            cluster.tell("promote", 1)
            return cluster.backends[1].address

        with Pgsteer(cluster, stage.programs.pgsteer, ports=ports, extra="drain_timeout: 0s\n") as proxy:
            cluster.tell("crash", 0)
            return hold(stage, proxy, "trust", promote) | {"to": "fake backends, held by pgsteer"}
