#!/usr/bin/python3
"""The clients of one path to the primary, as a process of its own. Started by run.py.

20 idle sessions, half of them encrypted; two that write every 10 ms, one of them encrypted; a closed loop of new
connections 5 ms apart; an open one of new connections every 100 ms whatever becomes of the earlier ones, with libpq's
defaults (TLS preferred, no timeout). Every new connection writes a row. Each try is one line of JSON, see Try.

Usage: load.py NAME HOST PORT SECONDS OUT
"""
import dataclasses
import json
import select
import sys
import threading
import time

import psycopg2

IDLE_SESSIONS = 20
WRITE_PAUSE_SECONDS = 0.01
CLOSED_PAUSE_SECONDS = 0.005
OPEN_EVERY_SECONDS = 0.1
# Idle sessions that are still there are asked so long before the end.
LAST_SECONDS = 3
LATE_SECONDS = 5  # At the end, for tries that hang.
INSERT = "insert into w(k) values (%s) returning host(inet_server_addr())"


@dataclasses.dataclass
class Try:
    """Times are seconds since 1970; connected: the login was over; ended: the answer was there, or the error."""

    kind: str  # new (closed loop), open (open loop), session0 and session1, idle (its login), idle-end
    number: int
    began: float
    connected: float = None
    ended: float = None
    is_acknowledged: bool = False
    server: str = None
    error: str = None  # of an idle-end: how it ended


def words(error: Exception) -> str:
    return f"{getattr(error, 'pgcode', None) or ''} {error}".strip().replace("\n", " ")[:160]


class Load:
    def __init__(self, name: str, host: str, port: int, seconds: float):
        self.name, self.host, self.port = name, host, port
        self.end = time.time() + seconds
        self.tries = []
        self._lock = threading.Lock()

    def is_over(self) -> bool:
        return time.time() >= self.end

    def note(self, one: Try) -> None:
        with self._lock:
            self.tries.append(one)

    def dial(self, sslmode: str):
        connection = psycopg2.connect(
            host=self.host, port=self.port, user="app", password="app-password", dbname="appdb", sslmode=sslmode,
            gssencmode="disable", application_name=self.name)
        connection.autocommit = True
        return connection

    def write(self, connection, one: Try) -> None:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, (f"{self.name}/{one.kind}/{one.number}",))
            one.server = cursor.fetchone()[0]

    def try_once(self, kind: str, number: int, sslmode: str) -> None:
        """A new connection, one row, goodbye."""
        one, connection = Try(kind, number, time.time()), None
        try:
            connection = self.dial(sslmode)
            one.connected = time.time()
            self.write(connection, one)
            one.is_acknowledged = True
        except psycopg2.Error as error:
            one.error = words(error)
        one.ended = time.time()
        self.note(one)
        if connection:
            connection.close()

    def closed_loop(self) -> None:
        number = 0
        while not self.is_over():
            self.try_once("new", number, "disable")
            number += 1
            time.sleep(CLOSED_PAUSE_SECONDS)

    def open_loop(self) -> None:
        number = 0
        while not self.is_over():
            threading.Thread(target=self.try_once, args=("open", number, "prefer"), daemon=True).start()
            number += 1
            time.sleep(OPEN_EVERY_SECONDS)

    def session(self, which: int) -> None:
        number, connection = 0, None
        while not self.is_over():
            one = Try(f"session{which}", number, time.time())
            try:
                if connection is None:
                    connection = self.dial("prefer" if which else "disable")
                    one.connected = time.time()
                self.write(connection, one)
                one.is_acknowledged = True
            except psycopg2.Error as error:
                one.error = words(error)
                if connection:
                    connection.close()
                connection = None
            one.ended = time.time()
            self.note(one)
            number += 1
            time.sleep(WRITE_PAUSE_SECONDS)

    def dial_at_last(self, sslmode: str):
        """-rw refuses even before an event at times, where a connection of old to a dead pod had the same port."""
        while True:
            try:
                return self.dial(sslmode)
            except psycopg2.OperationalError:
                if self.is_over():
                    raise
                time.sleep(WRITE_PAUSE_SECONDS)

    def idle(self, which: int) -> None:
        connection = self.dial_at_last("prefer" if which % 2 else "disable")
        with connection.cursor() as cursor:
            cursor.execute("select host(inet_server_addr())")
            server = cursor.fetchone()[0]
        now = time.time()
        self.note(Try("idle", which, now, now, now, True, server))
        while time.time() < self.end - LAST_SECONDS and not select.select([connection.fileno()], [], [], 1)[0]:
            pass
        one = Try("idle-end", which, time.time(), server=server)
        was_silent = one.began >= self.end - LAST_SECONDS
        try:
            with connection.cursor() as cursor:
                cursor.execute("select host(inet_server_addr()), pg_is_in_recovery()")
                one.error = "alive on {}, in recovery: {}".format(*cursor.fetchone())
                one.is_acknowledged = True
        except psycopg2.Error as error:
            one.error = ("silent until asked: " if was_silent else "") + words(error)
        one.ended = time.time()
        self.note(one)

    def run(self) -> None:
        works = [(self.closed_loop, ()), (self.open_loop, ()), (self.session, (0,)), (self.session, (1,))]
        works += [(self.idle, (which,)) for which in range(IDLE_SESSIONS)]
        threads = [threading.Thread(target=work, args=given, daemon=True) for work, given in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.1, self.end + LATE_SECONDS - time.time()))

    def save(self, path: str) -> None:
        with self._lock, open(path, "w", encoding="utf-8") as file:
            for one in self.tries:
                file.write(json.dumps(dataclasses.asdict(one)) + "\n")


def read(path) -> list:
    with open(path, encoding="utf-8") as file:
        return [Try(**json.loads(line)) for line in file]


if __name__ == "__main__":
    load = Load(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    load.run()
    load.save(sys.argv[5])
