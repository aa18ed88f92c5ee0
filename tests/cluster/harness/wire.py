"""A minimal PostgreSQL client on a bare socket, for what drivers hide: keys, raw messages, a reader that stops.

protocol-message-formats.html and protocol-flow.html; SCRAM-SHA-256 after RFC 5802 without channel binding.
"""
import base64
import hashlib
import hmac
import os
import socket
import struct

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)
CANCEL_CODE = 80877102


class PgError(Exception):
    """An ErrorResponse; .code is the SQLSTATE."""

    def __init__(self, body: bytes):
        fields = [f for f in body.split(b"\0") if f]
        self.fields = {f[:1].decode(): f[1:].decode(errors="replace") for f in fields}
        self.code = self.fields.get("C", "")
        self.message = self.fields.get("M", "")
        super().__init__(f"{self.fields.get('S')} {self.code}: {self.message}")


def startup_packet(**parameters) -> bytes:
    body = b"".join(f"{k}\0{v}\0".encode() for k, v in parameters.items()) + b"\0"
    return struct.pack("!ii", 8 + len(body), 196608) + body


def cancel_packet(pid: int, key: bytes) -> bytes:
    return struct.pack("!iii", 12 + len(key), CANCEL_CODE, pid) + key


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


def query_packet(statement: str) -> bytes:
    return message(b"Q", statement.encode() + b"\0")


class WireClient:
    def __init__(self, port: int, timeout: float = 150, host: str = "127.0.0.1"):
        self._start(socket.create_connection((host, port), timeout))

    @classmethod
    def over(cls, connected: socket.socket) -> "WireClient":
        """The same on a socket that was made and connected elsewhere, for example inside another host."""
        client = cls.__new__(cls)
        client._start(connected)
        return client

    def _start(self, connected: socket.socket) -> None:
        self.socket = connected
        self.parameters, self.pid, self.key = {}, 0, b""

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def read(self, count: int) -> bytes:
        parts = []
        while count:
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                raise EOFError("closed by the other side")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def read_to_end(self) -> bytes:
        """All that comes until the other side closes; a reset counts as an end."""
        parts = []
        try:
            while part := self.socket.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    def read_message(self) -> tuple:
        kind, length = struct.unpack("!ci", self.read(5))
        return kind, self.read(length - 4)

    def login(self, user: str, password: str, dbname: str, **parameters) -> "WireClient":
        """Up to ReadyForQuery; raises PgError on refusal."""
        self.socket.sendall(startup_packet(user=user, database=dbname, **parameters))
        return self.read_login(password)

    def read_login(self, password: str) -> "WireClient":
        """The same, the startup packet having been sent."""
        scram = None
        while True:
            kind, body = self.read_message()
            if kind == b"E":
                raise PgError(body)
            if kind == b"R":
                scram = self._authenticate(body, password, scram)
            elif kind == b"S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == b"K":
                self.pid, self.key = struct.unpack("!i", body[:4])[0], body[4:]
            elif kind == b"Z":
                return self

    def _authenticate(self, body: bytes, password: str, scram):
        code, data = struct.unpack("!i", body[:4])[0], body[4:]
        if code == 10:
            scram = _Scram(password)
            first = scram.first()
            self.socket.sendall(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
        elif code == 11:
            self.socket.sendall(message(b"p", scram.final(data)))
        elif code == 12:
            scram.verify(data)
        elif code != 0:
            raise NotImplementedError(f"authentication method {code}")
        return scram

    def send_query(self, statement: str) -> None:
        self.socket.sendall(query_packet(statement))

    def read_result(self) -> list:
        """Rows as lists of text, up to ReadyForQuery; raises PgError after an ErrorResponse."""
        rows, error = [], None
        while True:
            kind, body = self.read_message()
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                error = PgError(body)
                if error.fields.get("S") == "FATAL":
                    raise error
            elif kind == b"Z":
                if error:
                    raise error
                return rows

    def query(self, statement: str) -> list:
        self.send_query(statement)
        return self.read_result()


def _row(body: bytes) -> list:
    count, at, row = struct.unpack("!h", body[:2])[0], 2, []
    for _ in range(count):
        length = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        row.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return row


def send_cancel(port: int, pid: int, key: bytes, timeout: float = 60) -> None:
    """Sends it and waits for the close, as libpq does."""
    with WireClient(port, timeout) as client:
        client.socket.sendall(cancel_packet(pid, key))
        client.read_to_end()


class _Scram:
    def __init__(self, password: str):
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.server_signature = b""

    def first(self) -> bytes:
        return f"n,,n=,r={self.nonce}".encode()

    def final(self, server_first: bytes) -> bytes:
        fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={fields['r']}"
        signed = f"n=,r={self.nonce},{server_first.decode()},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        self.server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        assert base64.b64decode(server_final[2:]) == self.server_signature, "the server does not know the password"
