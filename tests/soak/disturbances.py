"""The disturbances of the calm soak: none of them is a failover, so none may look like one to pgsteer.

Each is a function of the scene and a random.Random; it lasts a few seconds and leaves everything as it was.
"""
import contextlib
import os
import subprocess
import sys
import time

SPIKE_SECONDS_MAX = 0.25
HOGS_PER_CORE = 2
# Jumps of the wall clock, in seconds: a correction by hand, daylight saving done wrong, a dead battery.
CLOCK_JUMPS = (-5, 5, -3600, 3600, 86400 * 365, -86400 * 365 * 10)


def loss(percent: int):
    def lose_packets(scene, dice) -> None:
        for backend in _some(scene.cluster.backends, dice):
            scene.network.loss(percent, scene.proxy.host, backend.host)
        time.sleep(dice.uniform(3, 6))
        scene.network.heal()
    return lose_packets


def frozen_backends(scene, dice) -> None:
    """Delay spikes: a whole PostgreSQL stands still for up to 250 ms, again and again."""
    for _ in range(6):
        backends = _some(scene.cluster.backends, dice)
        try:
            for backend in backends:
                backend.freeze()
            time.sleep(dice.uniform(0.05, SPIKE_SECONDS_MAX))
        finally:
            for backend in backends:
                backend.thaw()
        time.sleep(dice.uniform(0.1, 0.6))


def silent_wires(scene, dice) -> None:
    """Delay spikes of the network: nothing passes for up to 250 ms, and TCP sends it again."""
    for _ in range(6):
        for backend in _some(scene.cluster.backends, dice):
            scene.network.blackhole(scene.proxy.host, backend.host)
        time.sleep(dice.uniform(0.05, SPIKE_SECONDS_MAX))
        scene.network.heal()
        time.sleep(dice.uniform(0.1, 0.6))


def cpu_hogs(scene, dice) -> None:
    """More busy programs than cores, for pgsteer and PostgreSQL to share with."""
    seconds = dice.uniform(3, 5)
    busy = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    hogs = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(HOGS_PER_CORE * os.cpu_count())]
    for hog in hogs:
        hog.wait(300)


def dns_mood(mood: str):
    def answer_in_that_mood(scene, dice) -> None:
        scene.names.mood = mood
        time.sleep(dice.uniform(2.5, 4))
        scene.names.mood = "right"
    return answer_in_that_mood


def clock_jumps(scene, dice) -> None:
    for _ in range(2):
        scene.clock.jump(dice.choice(CLOCK_JUMPS))
        time.sleep(dice.uniform(1.5, 2.5))
    scene.clock.jump(0)
    time.sleep(1.5)


def _some(backends: list, dice) -> list:
    """All of them, or one that may be the primary."""
    return list(backends) if dice.random() < 0.5 else [dice.choice(backends)]


def all_of(names) -> dict:
    """Name -> function; the ones of DNS, one for each mood that is wrong."""
    found = {"loss of 5 %": loss(5), "loss of 30 %": loss(30), "frozen backends": frozen_backends,
             "silent wires": silent_wires, "CPU hogs": cpu_hogs, "clock jumps": clock_jumps}
    return found | {f"DNS {mood}": dns_mood(mood) for mood in names.MOODS if mood != "right"}


@contextlib.contextmanager
def healed(scene):
    """Whatever happens inside, nothing of it lasts."""
    try:
        yield
    finally:
        scene.network.heal()
        scene.names.mood = "right"
        scene.clock.jump(0)
        for backend in scene.cluster.backends:
            backend.thaw()
