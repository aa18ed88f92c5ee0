"""What happens to the primary. Each: strike() returns the moment, reveal() lets it be seen again while it still lives.

The harness's own kill and freeze list the children first; here the postmaster is stopped before, so that no child it
forks meanwhile goes on and is mistaken for a stale primary.
"""
import os
import signal
import time

from harness import processes


class Fault:
    """What a fault is unless it says otherwise."""

    name = ""
    # The proxy is on a host of its own, and its dials are written down: nobody tells it that the primary is gone.
    is_recorded = True
    # From the fault to the promotion: an HA manager needs its time to be sure.
    wait_seconds = 1.5

    def __init__(self, stage, backend):
        self.stage, self.backend = stage, backend


class Kill(Fault):
    """kill -9 of the postmaster and every child."""

    name = "kill"
    is_recorded = False
    wait_seconds = 0.0  # The kernel tells at once; an HA manager cannot be faster than that.
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
    is_recorded = False
    wait_seconds = 0.0

    def strike(self) -> float:
        return time.monotonic()

    def reveal(self) -> None:
        """It was never hidden."""


class Freeze(Fault):
    """SIGSTOP of the postmaster and every child: its kernel still completes handshakes."""

    name = "freeze"

    def strike(self) -> float:
        at = time.monotonic()
        os.kill(self.backend.pid, signal.SIGSTOP)
        processes.send(processes.children_of(self.backend.pid), signal.SIGSTOP)
        return at

    def reveal(self) -> None:
        self.backend.thaw()


class Blackhole(Fault):
    """Every packet from and to its host is lost."""

    name = "blackhole"

    def strike(self) -> float:
        at = time.monotonic()
        self.stage.network.blackhole(self.backend.host)
        return at

    def reveal(self) -> None:
        self.stage.network.heal()


FAULTS = {fault.name: fault for fault in (Kill, Beside, Freeze, Blackhole)}
ON_LOOPBACK = (Kill.name, Beside.name)
