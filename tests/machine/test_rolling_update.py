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


KINDS = ("idle", "busy", "in transactions")
TRANSACTION_SECONDS = 3


class LongSession:
    """Through the Service, in the clear; busy: with a question every 50 ms, in transactions: with transactions of three
    seconds, one behind the other. Until the other side ends it."""

    def __init__(self, address: str, kind: str):
        self._client = WireClient(RW_PORT, host=address).login(APP["user"], APP["password"], APP["dbname"])
        self.pgsteer = self._client.query(WHO)[0][0]
        self.kind = kind
        self.is_in_transaction = False
        self.ended, self.last_words = None, None
        self._client.socket.settimeout(None)
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        try:
            while self.kind == "busy":
                self._client.query(WHO)
                time.sleep(BUSY_EVERY_SECONDS)
            while self.kind == "in transactions":
                self._transact()
            self.last_words = self._client.read_message()
        except Exception as error:  # pylint: disable=broad-except
            self.last_words = error
        self.ended = time.time()

    def _transact(self) -> None:
        self._client.query("begin")
        self.is_in_transaction = True
        until = time.monotonic() + TRANSACTION_SECONDS
        while time.monotonic() < until:
            self._client.query(WHO)
            time.sleep(BUSY_EVERY_SECONDS)
        self._client.query("commit")
        self.is_in_transaction = False

    def wait_ended(self) -> None:
        self._thread.join(PATIENCE)
        assert self.ended is not None, f"the session is still there after {PATIENCE} s"


def long_sessions(release) -> list:
    """One of each kind through each pgsteer: the Service chooses."""
    wanted = {(pod.address, kind) for pod in release.pods() for kind in KINDS}
    found = {}
    while set(found) != wanted:
        for kind in KINDS:
            session = LongSession(release.address(), kind)
            found.setdefault((session.pgsteer, kind), session)
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


# Endpoints are withdrawn a moment after a pod is told to stop. The old pods' sessions are told to go elsewhere while they
# are idle, and none is cut inside a transaction.
def test_no_login_is_refused_and_no_transaction_is_cut(release, followed):
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
        print(f"session, {session.kind}: {lived:.2f} s after its pgsteer was told to stop")
        assert not session.is_in_transaction
        assert "57P01" in str(session.last_words)
