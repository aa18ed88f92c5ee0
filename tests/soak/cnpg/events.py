"""What is done to the primary of a proxy.ProxiedBed, each as a user or a fault does it."""
import threading
from dataclasses import dataclass, field

from harness.processes import CommandFailed
from testbed.cnpg import CLUSTER

FROZEN_SECONDS = 50
# Of the guide, whose smart shutdown is none: the operator stops at once where stopDelay is not above its timeout.
USUAL_STOP = {"stopDelay": 30, "smartShutdownTimeout": 180}
SMART_STOP = {"stopDelay": 60, "smartShutdownTimeout": 20}


@dataclass(frozen=True)
class Event:
    word: str
    happens: object  # (bed, the primary's pod); returns once it has begun.
    seconds: int  # So long it is watched.
    deletes_pod: bool = False
    stop: dict = field(default_factory=lambda: USUAL_STOP)  # Keys of the Cluster's specification.


def _promote(bed, unused_primary: str) -> None:
    bed.cnpg.plugin("promote", CLUSTER, bed.cnpg.standbys()[0])


def _freeze(bed, primary: str) -> None:
    """All processes of its container stand still for a while, with their connections open."""
    container = bed.machine.container(primary, "postgres")
    bed.machine.freeze(container)

    def thaw() -> None:
        try:
            bed.machine.thaw(container)
        except CommandFailed as error:  # It may have been given up meanwhile.
            print(f"freeze: {error}", flush=True)

    timer = threading.Timer(FROZEN_SECONDS, thaw)
    timer.daemon = True
    timer.start()


def _delete(*flags):
    return lambda bed, primary: bed.cnpg.delete(primary, *flags)


EVENTS = {event.word: event for event in (
    Event("delete-now", _delete("--grace-period=1"), 35, deletes_pod=True),  # The guide's own test.
    Event("delete", _delete(), 40, deletes_pod=True),
    Event("promote", _promote, 35),
    Event("crash", lambda bed, primary: bed.cnpg.kill_postmaster(primary), 35),
    Event("force-delete", _delete("--grace-period=0", "--force"), 35, deletes_pod=True),  # Its Lease is not released.
    Event("freeze", _freeze, 75),
    # Last: before and after it every pod is replaced.
    Event("smart-shutdown", _delete(), 45, deletes_pod=True, stop=SMART_STOP),
)}

__all__ = ["EVENTS", "Event"]
