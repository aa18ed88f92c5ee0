"""What happens to the primary.

Flow: prepare() -> strike() returns the moment -> wait_seconds later finish() and the promotion -> reveal() lets the
primary be seen again while it still lives.

The harness's own kill and freeze list the children first; here the postmaster is stopped before, so that no child it
forks meanwhile goes on and is mistaken for a stale primary.
"""
import os
import signal
import time

from harness import processes

from .pod_stage import PodStage
from .stage import NetworkStage, Stage

# Long enough for all that hears of it to have been done, and short of the 5 s for which pgsteer believes it.
GRACE_SECONDS = 1


class Fault:
    """What a fault is unless it says otherwise."""

    name = ""
    stage_class = Stage
    # The proxy's dials are written down: nobody tells it that the primary is gone.
    is_recorded = False
    # What pgsteer's log says where it was this fault.
    log_words = ""
    # From the fault to the promotion. The kernel tells at once; an HA manager cannot be faster than that.
    wait_seconds = 0.0

    def __init__(self, stage, backend):
        self.stage, self.backend = stage, backend

    def prepare(self) -> None:
        """While proxy and clients run, long before."""

    def finish(self) -> None:
        """What is left to do when the wait is over."""

    def reveal(self) -> None:
        """It was never hidden."""


class Kill(Fault):
    """kill -9 of the postmaster and every child."""

    name = "kill"
    family = ()

    def strike(self) -> float:
        os.kill(self.backend.pid, signal.SIGSTOP)
        self.family = processes.children_of(self.backend.pid)
        at = time.monotonic()
        processes.send([self.backend.pid, *self.family], signal.SIGKILL)
        return at

    def reveal(self) -> None:
        """Nothing is left of it but what is to be reaped."""
        self.backend.postmaster.wait(10)
        processes.wait_gone(self.family)


class Beside(Fault):
    """Nothing: a standby is promoted while the primary lives, and no connection says so to anybody."""

    name = "beside"

    def strike(self) -> float:
        return time.monotonic()


class Pod(Kill):
    """Its pod is deleted, and killed at the end of its grace period, as a kubelet does."""

    name = "pod"
    stage_class = PodStage
    log_words = "pod is being deleted"
    wait_seconds = GRACE_SECONDS

    def strike(self) -> float:
        at = time.monotonic()
        self.stage.instances.begin_deletion(self.backend, GRACE_SECONDS)
        return at

    def finish(self) -> None:
        super().strike()


class PodUnheard(Kill):
    """The same kill while the API server is down: nobody tells of any pod."""

    name = "pod-unheard"
    stage_class = PodStage
    log_words = "last good set kept"

    def prepare(self) -> None:
        self.stage.kube.server.kill9()


class Silent(Fault):
    """No connection ends: it takes an HA manager its time to be sure."""

    stage_class = NetworkStage
    is_recorded = True
    wait_seconds = 1.5


class Freeze(Silent):
    """SIGSTOP of the postmaster and every child: its kernel still completes handshakes."""

    name = "freeze"

    def strike(self) -> float:
        at = time.monotonic()
        os.kill(self.backend.pid, signal.SIGSTOP)
        processes.send(processes.children_of(self.backend.pid), signal.SIGSTOP)
        return at

    def reveal(self) -> None:
        self.backend.thaw()


class Blackhole(Silent):
    """Every packet from and to its host is lost."""

    name = "blackhole"

    def strike(self) -> float:
        at = time.monotonic()
        self.stage.network.blackhole(self.backend.host)
        return at

    def reveal(self) -> None:
        self.stage.network.heal()


FAULTS = {fault.name: fault for fault in (Kill, Beside, Freeze, Blackhole, Pod, PodUnheard)}
