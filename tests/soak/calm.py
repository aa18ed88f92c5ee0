#!/usr/bin/env python3
"""No false failover: loss, delay spikes, CPU hogs, DNS flaps and clock jumps, and pgsteer stays calm.

A real cluster and pgsteer on hosts of their own (network namespaces; root), backends found by DNS. The primary is the
same all the time, so: it never changes in pgsteer's eyes, no session in constant use is closed, and every login
succeeds within hold_timeout. Prints what was done and seen; exit code 1 if anything differs.

--untimed, for a machine that is busy with other things: holds are long, and no time is judged but only what happened.
"""
import argparse
import collections
import contextlib
import os
import random
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "cluster")]
# pylint: disable=wrong-import-position
from clients import Logins, SteadySession  # noqa: E402
from disturbances import all_of, healed  # noqa: E402
from names import Names  # noqa: E402

from harness.clock import Clock  # noqa: E402
from harness.cluster import PgCluster  # noqa: E402
from harness.network import Network  # noqa: E402
from harness.proxy import Pgsteer  # noqa: E402
from harness.wait import wait_until  # noqa: E402

NAME = "pg.calm.test"
STEADY_SESSIONS = 4  # On each listener.


class Bounds(NamedTuple):
    """In seconds, or in configuration's words."""

    is_judged: bool
    hold: int = 10  # The default of hold_timeout; no login may take longer.
    answer: int = 30  # TCP's own patience with 30 % loss in both directions: it doubles from 0.2 s.
    recovery: int = 10  # After a disturbance everything must be usable again this soon.
    dead_after: str = "30s"  # The default.


TIMED = Bounds(is_judged=True)
UNTIMED = Bounds(is_judged=False, hold=120, answer=120, recovery=120, dead_after="1h")


class Scene:
    """The cluster, the names, the clock and pgsteer, all on one network."""

    def __init__(self, binary: Path, bounds: Bounds, opened: contextlib.ExitStack):
        """opened: what ends with the scene."""
        self.bounds = bounds
        self.network = opened.enter_context(Network())
        self.cluster = opened.enter_context(PgCluster(network=self.network))
        host = self.network.add("pgsteer")
        host.write_etc("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        udp = host.open_socket(socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 53))
        nobody = str(self.network.subnet[250])
        self.names = opened.enter_context(Names(udp, [backend.ip for backend in self.cluster.backends], nobody))
        self.clock = Clock(Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="pgsteer-calm-"))), binary)
        hold = {"hold_timeout": f"{bounds.hold}s"}
        self.proxy = Pgsteer(self.cluster, self.clock.wrapper, host=host, rw=hold, ro=hold,
                             source=f"dns: {{ name: {NAME}, port: 5432, refresh: 1s }}",
                             cluster_keys={"dead_after": bounds.dead_after})
        opened.enter_context(self.proxy)
        self.proxy.wait_standbys(2)

    def conninfo(self, port: int) -> dict:
        return {**self.cluster.conninfo(port, host=self.proxy.ip), "connect_timeout": self.bounds.hold + 20}


class Watcher:
    """What pgsteer says, twenty times a second: the primary it names, and what it counts."""

    def __init__(self, proxy: Pgsteer, primary: str):
        self.proxy, self.primary = proxy, primary
        self.others = collections.Counter()  # what was named instead of the primary; None: nobody
        self.looks = 0
        self.ambiguous = 0
        self.errors = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.done.wait(0.05):
            try:
                topology = self.proxy.topology()
            except OSError as error:
                self.errors.append(str(error))
                continue
            self.looks += 1
            if topology["primary"] != self.primary:
                self.others[topology["primary"]] += 1
            if self.looks % 20 == 0:
                self.ambiguous += self.proxy.metrics()["pgsteer_primary_ambiguous"]

    def stop(self) -> None:
        self.done.set()
        self.thread.join(30)


class CalmRun:
    def __init__(self, scene: Scene, dice: random.Random):
        self.scene, self.dice = scene, dice
        self.now = "nothing"
        self.events = collections.Counter()
        self.breaches = []
        proxy = scene.proxy
        self.watcher = Watcher(proxy, scene.cluster.primary.address)
        ports = (proxy.rw_port, proxy.ro_port)
        self.sessions = [SteadySession(scene.conninfo(port)) for port in ports for _ in range(STEADY_SESSIONS)]
        self.logins = {name: Logins(scene.conninfo(port), lambda: self.now) for name, port in zip(("rw", "ro"), ports)}

    def disturb(self, seconds: float) -> None:
        """Every kind in a random order, then again, until the time is over; each kind at least once."""
        kinds = all_of(Names)
        end = time.monotonic() + seconds
        with healed(self.scene):
            while True:
                for name in self.dice.sample(sorted(kinds), len(kinds)):
                    if time.monotonic() > end and len(self.events) == len(kinds):
                        return
                    self._disturb_once(name, kinds[name])

    def _disturb_once(self, name: str, disturbance) -> None:
        self.now = name
        disturbance(self.scene, self.dice)
        self.events[name] += 1
        self.now = f"the time after {name}"
        try:
            wait_until(self._is_usable, self.scene.bounds.recovery, "every backend to be usable", every=0.05)
        except TimeoutError as error:
            self.breaches.append(f"after {name}: {error}")
        time.sleep(0.3)
        self.now = "nothing"

    def _is_usable(self) -> bool:
        backends = self.scene.proxy.topology()["backends"]
        return (sum(b["rw_eligible"] for b in backends), sum(b["ro_eligible"] for b in backends)) == (1, 2)

    def stop(self) -> None:
        for client in [*self.sessions, *self.logins.values(), self.watcher]:
            client.stop()

    def judge(self) -> list:
        """All that must not have happened, in words."""
        metrics = self.scene.proxy.metrics()
        found = list(self.breaches)
        found += [f"another primary was named: {address}, {count} times" for address, count in
                  self.watcher.others.items() if address is not None]
        found += [f"the admin API did not answer: {error}" for error in self.watcher.errors]
        found += [f"a session was closed or hung: {session.error}" for session in self.sessions if session.error]
        found += [f"a login through {name} failed {error}" for name, logins in self.logins.items()
                  for error in logins.errors]
        found += self._what_took_too_long() if self.scene.bounds.is_judged else []
        found += [f"{name} is {metrics[name]:.0f}" for name in ("pgsteer_primary_changes_total",
                                                               "pgsteer_primary_ambiguous") if metrics[name]]
        if self.watcher.ambiguous:
            found.append("the primary was ambiguous for a time")
        found += [f"{name} is {value:.0f}" for name, value in metrics.items() if value and
                  name.startswith("pgsteer_sessions_closed_total") and
                  any(f'reason="{reason}"' in name for reason in ("fenced", "lost_role", "stale_primary"))]
        return found + self._what_was_not_tested(metrics)

    def _what_took_too_long(self) -> list:
        bounds = self.scene.bounds
        found = [f"a session waited {session.slowest:.1f} s for an answer" for session in self.sessions
                 if session.slowest > bounds.answer]
        return found + [f"a login through {name} took {seconds:.1f} s during {what}" for name, logins in
                        self.logins.items() for what, seconds in logins.slowest.items() if seconds > bounds.hold]

    def _what_was_not_tested(self, metrics: dict) -> list:
        """A disturbance that pgsteer never felt would make this run prove nothing."""
        missed = sum(value for name, value in probes_of(metrics).items() if name != "answered")
        found = [] if missed else ["no probe was ever missed: the disturbances did nothing"]
        return found + [f"nobody asked for the name while DNS was {mood}" for mood in Names.MOODS
                        if not self.scene.names.asked[mood]]

    def tell(self) -> None:
        metrics = self.scene.proxy.metrics()
        print("disturbances: " + ", ".join(f"{count} {name}" for name, count in sorted(self.events.items())))
        for name, logins in self.logins.items():
            what, seconds = max(logins.slowest.items(), key=lambda item: item[1])
            print(f"logins through {name}: {logins.done_logins}, {len(logins.errors)} failed;"
                  f" slowest {seconds:.2f} s, during {what}")
        print(f"steady sessions: {len(self.sessions)}, {sum(s.asked for s in self.sessions)} queries;"
              f" slowest {max(s.slowest for s in self.sessions):.2f} s")
        print("probes: " + ", ".join(f"{value:.0f} {name}" for name, value in probes_of(metrics).items()))
        held = metrics['pgsteer_logins_held_total{listener="rw"}']
        print(f"topology: {self.watcher.looks} looks, {self.watcher.others[None]} of them named no primary;"
              f" generation {metrics['pgsteer_topology_generation']:.0f}; {held:.0f} rw logins were held")
        print("questions for the name: " + ", ".join(f"{count} {mood}" for mood, count in
                                                      self.scene.names.asked.items()))


def probes_of(metrics: dict) -> dict:
    """Probes by outcome."""
    return {name.split('"')[1]: value for name, value in metrics.items() if name.startswith("pgsteer_probes_total")}


def run(binary: Path, seconds: float, seed: int, bounds: Bounds) -> list:
    with contextlib.ExitStack() as opened:
        scene = Scene(binary, bounds, opened)
        calm = CalmRun(scene, random.Random(seed))
        try:
            calm.disturb(seconds)
        finally:
            calm.stop()
        calm.tell()
        breaches = calm.judge()
        if breaches:
            print(f"pgsteer's log ends:\n{scene.proxy.log_text()[-8000:]}")
        return breaches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--binary", type=Path, default=os.environ.get("PGSTEER_BINARY"))
    parser.add_argument("--untimed", action="store_true")
    arguments = parser.parse_args()
    if not arguments.binary or not Path(arguments.binary).is_file():
        parser.error("no such program; give --binary or set PGSTEER_BINARY")
    if os.geteuid() != 0:
        parser.error("needs root, for network namespaces")
    print(f"calm for {arguments.minutes:g} minutes, --seed {arguments.seed}", flush=True)
    bounds = UNTIMED if arguments.untimed else TIMED
    breaches = run(Path(arguments.binary).resolve(), arguments.minutes * 60, arguments.seed, bounds)
    print("\n".join(f"BREACH: {breach}" for breach in breaches) or "calm: nothing moved")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
