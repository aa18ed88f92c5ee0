"""A client of the API server: requests that end, and watches.

Each request has a connection of its own, so that one that hangs holds up nobody.
"""
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse
from pathlib import Path

from harness.certificates import Certificates
from harness.wait import PATIENCE

MERGE_PATCH = "application/merge-patch+json"


class Refused(RuntimeError):
    """An answer that is no success."""

    def __init__(self, status: int, answer: dict):
        super().__init__(f"{status} {answer.get('reason', '')}: {answer.get('message', answer)}")
        self.status = status
        self.answer = answer


class Client:
    def __init__(self, port: int, authority: Path, certificate: Certificates = None, token: str = None):
        """certificate or token: who asks; neither: an anonymous."""
        self.port = port
        self._token = token
        self._context = ssl.create_default_context(cafile=str(authority))
        if certificate:
            self._context.load_cert_chain(certificate.certificate, certificate.key)

    def request(self, method: str, path: str, body: dict = None, timeout: float = PATIENCE,
                content_type: str = "application/json", **query) -> dict:
        """The answer as an object. Raises Refused, OSError."""
        connection, answer = self._send(method, path, body, timeout, content_type, query)
        try:
            text = answer.read().decode()
        finally:
            connection.close()
        found = json.loads(text) if text.startswith("{") else {"message": text}
        if answer.status >= 300:
            raise Refused(answer.status, found)
        return found

    def get(self, path: str, **query) -> dict:
        return self.request("GET", path, **query)

    def patch(self, path: str, change: dict) -> dict:
        return self.request("PATCH", path, change, content_type=MERGE_PATCH)

    def watch(self, path: str, **query) -> "Watch":
        """Returns once the server has answered. Raises Refused."""
        connection, answer = self._send("GET", path, None, PATIENCE, "", {"watch": "true", **query})
        if answer.status != 200:
            text = answer.read().decode()
            connection.close()
            raise Refused(answer.status, json.loads(text))
        return Watch(connection, answer)

    def _send(self, method: str, path: str, body, timeout: float, content_type: str, query: dict) -> tuple:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._context, timeout=timeout)
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            connection.request(method, path + ("?" + urllib.parse.urlencode(query) if query else ""),
                               json.dumps(body) if body is not None else None, headers)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise


class Watch:
    """One watch; a thread of its own reads it until the server ends it or close().

    Flow: wait_event(matches) or each() -> events, has_ended().
    """

    def __init__(self, connection: http.client.HTTPSConnection, answer: http.client.HTTPResponse):
        self.events = []  # {"type": ..., "object": ...}
        self.error = None  # The exception that ended it; None after a clean end.
        self._answer = answer
        self._socket = connection.sock or answer.fp.raw._sock  # pylint: disable=protected-access
        self._socket.settimeout(None)
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while line := self._answer.readline():
                with self._changed:
                    self.events.append(json.loads(line))
                    self._changed.notify_all()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.error = error
        with self._changed:
            self._changed.notify_all()

    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def wait_ended(self, timeout: float = PATIENCE) -> None:
        self._thread.join(timeout)
        if not self.has_ended():
            raise TimeoutError(f"the watch goes on after {timeout} s; its last events: {self.events[-3:]}")

    def wait_event(self, matches, timeout: float = PATIENCE) -> dict:
        """The first event, past or to come, that matches."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for event in self.events[seen:]:
                    if matches(event):
                        return event
                seen = len(self.events)
                left = deadline - time.monotonic()
                if left <= 0 or self.has_ended():
                    state = "ended" if self.has_ended() else f"waited {timeout} s"
                    raise TimeoutError(f"no such event ({state}); the last ones: {self.events[-3:]}")
                self._changed.wait(min(left, 0.1))

    def each(self):
        """Every event, past and to come, until the watch ends."""
        seen = 0
        while True:
            with self._changed:
                while seen == len(self.events):
                    if self.has_ended():
                        return
                    self._changed.wait(0.1)
                event = self.events[seen]
            seen += 1
            yield event

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(PATIENCE)


__all__ = ["Client", "Refused", "Watch"]
