"""A rolling update of pgsteer's pods, as clients notice it: not."""
import json
import subprocess
import threading
import time
from datetime import datetime

import pytest

from harness.wait import PATIENCE, wait_until
from harness.wire import WireClient
from testbed.clients import WHO, Logins
from testbed.cnpg import APP, NAMESPACE
from testbed.release import RW_PORT

LOGINS_PER_SECOND = 100
BUSY_EVERY_SECONDS = 0.05


class LongSession:
    """Through the Service, in the clear; busy: with a question every 50 ms. Until the other side ends it."""

    def __init__(self, address: str, is_busy: bool):
        self._client = WireClient(RW_PORT, host=address).login(APP["user"], APP["password"], APP["dbname"])
        self.pgsteer = self._client.query(WHO)[0][0]
        self.is_busy = is_busy
        self.ended, self.last_words = None, None
        self._client.socket.settimeout(None)
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        try:
            while self.is_busy:
                self._client.query(WHO)
                time.sleep(BUSY_EVERY_SECONDS)
            self.last_words = self._client.read_message()
        except Exception as error:  # pylint: disable=broad-except
            self.last_words = error
        self.ended = time.time()

    def wait_ended(self) -> None:
        self._thread.join(PATIENCE)
        assert self.ended is not None, f"the session is still there after {PATIENCE} s"


def long_sessions(release) -> list:
    """An idle and a busy one through each pgsteer: the Service chooses."""
    wanted = {(pod.address, is_busy) for pod in release.pods() for is_busy in (False, True)}
    found = {}
    while set(found) != wanted:
        for is_busy in (False, True):
            session = LongSession(release.address(), is_busy)
            found.setdefault((session.pgsteer, is_busy), session)
    return list(found.values())


class Followed:
    """The log of a pod, also after its end."""

    def __init__(self, bed, pod, path):
        self._path = path
        with open(path, "wb") as log:
            words = [bed.programs.rest / "kubectl", f"--kubeconfig={bed.kubeconfig}", "-n", NAMESPACE, "logs",
                     "--follow", pod.name]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)

    def lines(self) -> list:
        """All of them, once the pod has ended."""
        self._process.wait(PATIENCE)
        return [json.loads(line) for line in self._path.read_text().splitlines()]


def when(lines: list, words: str) -> float:
    """Seconds since 1970."""
    found = next(line for line in lines if words in line["event"])
    return datetime.fromisoformat(found["time"].replace("Z", "+00:00")).timestamp()


@pytest.fixture
def followed(bed, release, tmp_path) -> dict:
    """The pods' logs by their addresses."""
    logs = {pod.address: Followed(bed, pod, tmp_path / pod.name) for pod in release.pods()}
    yield logs
    for log in logs.values():
        log.stop()


# Endpoints are withdrawn a moment after a pod is told to stop; the old pods' sessions end when their drain is over.
def test_no_login_is_refused_and_sessions_live_until_the_drain_is_over(release, followed, drain_seconds):
    sessions = long_sessions(release)
    with Logins(release.address(), LOGINS_PER_SECOND) as logins:
        wait_until(lambda: set(logins.taken_by) == set(followed), what="logins through both old pgsteers")
        release.restart()
        new = {pod.address for pod in release.pods()}
        wait_until(lambda: new <= set(logins.taken_by), what="logins through both new pgsteers")
    print(logins)
    logins.assert_none_failed()
    drain_began = {address: when(log.lines(), "draining") for address, log in followed.items()}
    for session in sessions:
        session.wait_ended()
        lived = session.ended - drain_began[session.pgsteer]
        print(f"{'busy' if session.is_busy else 'idle'} session: {lived:.2f} s after its pgsteer was told to stop")
        assert lived >= drain_seconds
        assert "57P01" in str(session.last_words)
