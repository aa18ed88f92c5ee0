"""Clients that come one after the other, many at once: each logs in, writes, and leaves."""
import threading

import psycopg2

from harness.logins import CONNECT_SECONDS

THREADS = 8


class Crowd:
    def __init__(self, conninfo: dict, logins: int):
        """So many logins, which begin at once. Flow: is_done() -> refused, cut_off."""
        self.conninfo = {"connect_timeout": CONNECT_SECONDS, **conninfo}
        self.logins = logins
        self.refused = []  # What those were told that could not log in.
        self.cut_off = 0  # Those whose first statement failed.
        self._done = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._come, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def count(self) -> int:
        with self._lock:
            return self._done

    def is_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _come(self) -> None:
        while self.count() < self.logins:
            try:
                connection = psycopg2.connect(**self.conninfo)
            except psycopg2.OperationalError as error:
                with self._lock:
                    self.refused.append(str(error).strip())
                    self._done += 1
                continue
            is_answered = self._write(connection)
            with self._lock:
                self.cut_off += not is_answered
                self._done += 1

    @staticmethod
    def _write(connection) -> bool:
        try:
            connection.cursor().execute("create temporary table t (i int)")
            return True
        except psycopg2.Error:
            return False
        finally:
            connection.close()


__all__ = ["Crowd"]
