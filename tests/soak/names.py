"""A DNS responder with moods, for one name: what resolvers see when a zone or its server misbehaves.

rfc1035.txt section 4. Answers A; AAAA and the rest are empty. Only for tests: it trusts what it is asked.
"""
import collections
import socket
import struct
import threading

NO_ERROR, SERVER_FAILURE, NAME_ERROR = 0, 2, 3
TYPE_A, CLASS_IN = 1, 1
TTL_SECONDS = 0


class Names:
    """answers.mood: what the next question gets; one of MOODS."""

    MOODS = ("right", "reordered", "stale", "incomplete", "without primary", "empty", "nxdomain", "servfail", "silent")

    def __init__(self, udp: socket.socket, addresses: list, gone: str):
        """addresses: the primary's first; gone: an address where nobody is any more."""
        self.udp = udp
        self.addresses = addresses
        self.gone = gone
        self.mood = "right"
        self.asked = collections.Counter()  # questions for A, by mood
        self.udp.settimeout(0.2)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while not self.done.is_set():
            try:
                question, asker = self.udp.recvfrom(512)
            except TimeoutError:
                continue
            answer = self._answer(question)
            if answer:
                self.udp.sendto(answer, asker)

    def _answer(self, question: bytes) -> bytes:
        end = question.index(b"\0", 12) + 5
        is_a = struct.unpack("!HH", question[end - 4 : end]) == (TYPE_A, CLASS_IN)
        mood = self.mood
        self.asked[mood] += is_a
        if mood == "silent":
            return b""
        code = {"nxdomain": NAME_ERROR, "servfail": SERVER_FAILURE}.get(mood, NO_ERROR)
        addresses = self._addresses(mood) if is_a and code == NO_ERROR else []
        # Header: id | QR AA RD RA, code | one question, the answers, nothing else.
        header = question[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(addresses), 0, 0)
        records = [struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, TTL_SECONDS, 4) + socket.inet_aton(address)
                   for address in addresses]
        return header + question[12:end] + b"".join(records)

    def _addresses(self, mood: str) -> list:
        return {
            "reordered": self.addresses[::-1],
            "stale": [self.gone] + self.addresses,
            "incomplete": self.addresses[:-1],
            "without primary": self.addresses[1:],
            "empty": [],
        }.get(mood, self.addresses)

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        self.done.set()
        self.thread.join()
        self.udp.close()
