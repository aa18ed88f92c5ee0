"""Clients of the calm soak: sessions in constant use, and new logins all the time. What they see is kept."""
import threading
import time

import psycopg2


class SteadySession:
    """Asks something every so often on one login; must never be closed."""

    def __init__(self, conninfo: dict, interval: float = 0.1):
        self.connection = psycopg2.connect(**conninfo)
        self.connection.autocommit = True
        self.interval = interval
        self.asked = 0
        self.slowest = 0.0
        self.error = None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._use, daemon=True)
        self.thread.start()

    def _use(self) -> None:
        try:
            with self.connection.cursor() as cursor:
                while not self.done.wait(self.interval):
                    started = time.monotonic()
                    cursor.execute("select 1")
                    self.slowest = max(self.slowest, time.monotonic() - started)
                    self.asked += 1
        except psycopg2.Error as error:
            self.error = str(error).strip()

    def stop(self) -> None:
        self.done.set()
        self.thread.join(60)
        if self.thread.is_alive():
            self.error = "no answer for more than 60 s"
        elif not self.error and not self.asked:
            self.error = "never an answer"
        self.connection.close()


class Logins:
    """Logs in again and again through one listener, one at a time."""

    def __init__(self, conninfo: dict, what_goes_on, interval: float = 0.1):
        """what_goes_on(): the disturbance at that moment, for the summary."""
        self.conninfo = conninfo
        self.what_goes_on = what_goes_on
        self.interval = interval
        self.done_logins = 0
        self.slowest = {}  # by disturbance, seconds
        self.errors = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._use, daemon=True)
        self.thread.start()

    def _use(self) -> None:
        while not self.done.wait(self.interval):
            what, started = self.what_goes_on(), time.monotonic()
            try:
                connection = psycopg2.connect(**self.conninfo)
                connection.close()
                self.done_logins += 1
            except psycopg2.Error as error:
                self.errors.append(f"during {what}: {str(error).strip()}")
            took = time.monotonic() - started
            self.slowest[what] = max(self.slowest.get(what, 0), took)

    def stop(self) -> None:
        self.done.set()
        self.thread.join(150)
        if self.thread.is_alive():
            self.errors.append("no end of a login for more than 150 s")
