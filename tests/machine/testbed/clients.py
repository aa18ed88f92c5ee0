"""Clients that log in through the Service again and again, whatever becomes of the earlier ones."""
import threading
import time

import psycopg2

from harness.queries import ask

from .cnpg import APP
from .release import RW_PORT

CLIENTS = 24  # At once: 240 ms a login at 100 a second, many times what one takes.
CONNECT_SECONDS_MAX = 90  # Longer than a login is held.
WHO = "select host(inet_client_addr())"  # The pgsteer that PostgreSQL sees.


class Logins:
    """Flow: with Logins(address, per_second) as logins -> ... -> failures, taken_by."""

    def __init__(self, address: str, per_second: int):
        self.failures, self.taken_by = [], {}
        self.count = 0
        self._address, self._per_second = address, per_second
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._log_in_by_turns, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> "Logins":
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *unused) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(2 * CONNECT_SECONDS_MAX)
        self.seconds = time.monotonic() - self._began

    def __str__(self) -> str:
        return f"{self.count} logins in {self.seconds:.1f} s, by each pgsteer: {self.taken_by}"

    def assert_none_failed(self) -> None:
        """Once it is over."""
        assert not self.failures
        assert self.count == sum(self.taken_by.values())

    def _log_in_by_turns(self) -> None:
        while not self._is_over.is_set():
            with self._lock:
                number, self.count = self.count, self.count + 1
            time.sleep(max(0, self._began + number / self._per_second - time.monotonic()))
            self._log_in(number)

    def _log_in(self, number: int) -> None:
        began = time.monotonic() - self._began
        try:
            # In the clear, but every fourth as drivers do by default: more in TLS is more than two cores can do.
            connection = psycopg2.connect(host=self._address, port=RW_PORT, connect_timeout=CONNECT_SECONDS_MAX,
                                          sslmode="prefer" if number % 4 == 0 else "disable", **APP)
            pgsteer = ask(connection, WHO)
            connection.close()
            with self._lock:
                self.taken_by[pgsteer] = self.taken_by.get(pgsteer, 0) + 1
        except psycopg2.Error as error:
            with self._lock:
                self.failures.append(f"login {number}, {began:.2f} s after the first: {error}")


__all__ = ["CONNECT_SECONDS_MAX", "Logins", "WHO"]
