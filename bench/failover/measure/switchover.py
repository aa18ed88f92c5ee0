"""Planned switchovers while new logins arrive at a fixed rate: fast shutdown, promotion, the old primary follows."""
import random
import time

from harness.cluster import APP_PASSWORD
from reporting.figures import quantile

from . import proxies
from .clients import READ_ONLY, Client, is_commit, reasons

LOGINS_PER_SECOND = 300
PAUSE_SECONDS = 1.0  # between switchovers, and up to as much again
HELD_SECONDS = 0.1   # a login this slow has waited for the switchover
# The client has answered the backend's nonce, which fits no other backend.
AFTER_PROOF = {"scram_final", "session_start"}
ACCOUNTS = {"trust": {"user": "trusted"}, "scram": {"user": "app", "password": APP_PASSWORD}}


def measure(stage, proxy_name: str, auth: str, logins_count: int) -> dict:
    """One row: as many switchovers as fit into so many logins."""
    record = {"proxy": proxy_name, "mode": "switchover", "auth": auth, "switchovers": []}
    with proxies.start(proxy_name, stage):
        with Client(stage.programs, "logins", stage.ip, stage.ports[0], table="writes", rate=LOGINS_PER_SECOND,
                    count=logins_count, first_value=stage.values(logins_count), **ACCOUNTS[auth]) as client:
            while client.is_running():
                time.sleep(PAUSE_SECONDS * (1 + random.random()))
                if client.is_running():
                    record["switchovers"].append(switch_over(stage))
            _judge(record, client.take(), stage)
    return record


def switch_over(stage) -> dict:
    old_index, old, new_index = stage.cluster.primary_index, stage.cluster.primary, stage.choose_successor()
    times = {"old": old.address, "new": stage.cluster.backends[new_index].address, "stop_at": time.monotonic()}
    old.stop("fast")
    times["down_at"] = time.monotonic()
    stage.promote(new_index)
    stage.return_as_standby(old_index)
    times["whole_at"] = time.monotonic()
    return times


def _judge(record: dict, logins: list, stage) -> None:
    is_scram = record["auth"] == "scram"
    failed = [e for e in logins if not e["logged_in"]]
    waits = [e["logged_in"] - e["began"] for e in logins if e["logged_in"]]
    record["logins"] = len(logins)
    record["failed"] = len(failed)
    record["failed_after_proof"] = sum(is_scram and e["phase"] in AFTER_PROOF for e in failed)
    record["reasons"] = reasons(failed)
    record["cut_after_login"] = reasons([e for e in logins if e["logged_in"] and (e["error"] or e["sqlstate"])])
    record["wrong_role"] = sum(e["sqlstate"] == READ_ONLY for e in logins)
    record["held"] = sum(wait > HELD_SECONDS for wait in waits)
    record["longest_wait"] = max(waits, default=0.0)
    record["quick_p50"] = quantile([wait for wait in waits if wait <= HELD_SECONDS], 0.5)
    committed = [e["value"] for e in logins if is_commit(e)]
    record["lost_writes"] = len(stage.missing_values(committed))

