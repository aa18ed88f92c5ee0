"""A door before the API server, by which a test sees each request of one client, changes it, or lets it wait.

What comes back is the server's own, byte for byte. One request a connection: the server is asked to close it after its
answer.

Flow: with Gate(kube) as gate -> pgsteer uses gate.url -> gate.change = ..., gate.hold(matches) -> gate.targets.
"""
import re
import socket
import ssl
import threading

from harness.certificates import Certificates
from harness.wait import PATIENCE, free_port

PIECE_BYTES = 16384


class Hold:
    """Requests that wait. Flow: wait_reached() -> release()."""

    def __init__(self, matches):
        self.matches = matches
        self._reached = threading.Event()
        self._released = threading.Event()

    def stop_here(self) -> None:
        self._reached.set()
        self._released.wait(PATIENCE)

    def wait_reached(self) -> None:
        assert self._reached.wait(PATIENCE), f"no such request within {PATIENCE} s"

    def release(self) -> None:
        self._released.set()


class Gate:
    def __init__(self, kube, certificates: Certificates = None):
        """certificates: who it says it is; else the API server."""
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.targets = []  # path and query, as they came
        self.change = lambda target: target
        self._kube = kube
        self._holds = []
        self._inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown = certificates or kube.credentials.server
        self._inside.load_cert_chain(shown.certificate, shown.key)
        self._outside = ssl.create_default_context(cafile=str(kube.credentials.authority))
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        for hold in self._holds:
            hold.release()
        for one in [self._listener, *self._open]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()

    def hold(self, matches) -> Hold:
        """Requests whose target matches wait at the gate from now on, until the hold is released."""
        made = Hold(matches)
        self._holds.append(made)
        return made

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[raw], daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        try:
            with self._inside.wrap_socket(raw, server_side=True) as client:
                self._open.add(client)
                self._pass_on(client)
                self._open.discard(client)
        except OSError:
            pass  # Either side has gone; the other one is closed.

    def _pass_on(self, client: ssl.SSLSocket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(PIECE_BYTES)
            if not piece:
                return
            head += piece
        first, _, fields = head.decode().partition("\r\n")
        method, target, version = first.split(" ")
        self.targets.append(target)
        for hold in self._holds:
            if hold.matches(target):
                hold.stop_here()
        fields = re.sub(r"(?im)^connection:.*\r\n", "", fields)
        request = f"{method} {self.change(target)} {version}\r\nConnection: close\r\n{fields}"
        with socket.create_connection(("127.0.0.1", self._kube.server.port)) as plain, \
                self._outside.wrap_socket(plain, server_hostname="127.0.0.1") as server:
            self._open.add(server)
            server.sendall(request.encode())
            while piece := server.recv(PIECE_BYTES):
                client.sendall(piece)
            self._open.discard(server)


__all__ = ["Gate", "Hold"]
