"""Logins that wait: each in a thread of its own, so that a test can go on meanwhile. Whose backend took a session."""
import threading

import psycopg2

from .queries import ask
from .wait import PATIENCE, wait_until

# For psycopg2: longer than any login is held.
CONNECT_SECONDS = 150
ADDRESS = "select host(inet_server_addr()) || ':' || inet_server_port()"


def address_of(connection) -> str:
    """The backend behind a session, as Backend.address spells it."""
    return ask(connection, ADDRESS)


def readers(proxy, connect, count: int = 6) -> set:
    """The backends that so many new ro sessions are sent to, one after the other."""
    found = set()
    for _ in range(count):
        connection = connect(proxy.ro_port)
        found.add(address_of(connection))
        connection.close()
    return found


def reader_on(proxy, connect, backend):
    """A session on this standby, made while all of them are well."""
    for _ in range(10):
        connection = connect(proxy.ro_port)
        if address_of(connection) == backend.address:
            return connection
        connection.close()
    raise AssertionError(f"no reader was sent to {backend.name}")


def wait_readers(proxy, connect, addresses: set) -> None:
    """Until new ro sessions go to these alone: a worker that waits for a core hears the news after the admin port."""
    wait_until(lambda: readers(proxy, connect) == addresses, what=f"readers on {addresses} alone")


class PendingLogin:
    """One login. Flow: is_waiting() -> address(), which is the backend's that took it, or raises what the client got."""

    def __init__(self, conninfo: dict, work: str = None):
        """conninfo: for psycopg2; work: a statement that its session is for, before it leaves."""
        self.conninfo = {"connect_timeout": CONNECT_SECONDS, **conninfo}
        self.work = work
        self._address = None
        self._error = None
        self._thread = threading.Thread(target=self._log_in, daemon=True)
        self._thread.start()

    def _log_in(self) -> None:
        try:
            connection = psycopg2.connect(**self.conninfo)
            try:
                self._address = address_of(connection)
                if self.work:
                    ask(connection, self.work)
            finally:
                connection.close()
        except psycopg2.Error as error:
            self._error = error

    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def address(self, timeout: float = PATIENCE) -> str:
        self._thread.join(timeout)
        if self.is_waiting():
            raise TimeoutError(f"the login still waits after {timeout} s")
        if self._error:
            raise self._error
        return self._address


def addresses_of(logins: list) -> set:
    return {login.address() for login in logins}


def log_in_at_last(conninfo: dict) -> str:
    """The backend that takes a login; one that hold_timeout ends, since the machine is busy, is begun anew."""
    return wait_until(lambda: PendingLogin(conninfo).address(), what="a login to succeed")


def retries(proxy) -> float:
    """Logins that were sent to a backend in vain and then somewhere else, of both listeners."""
    return sum(value for name, value in proxy.metrics().items() if name.startswith("pgsteer_login_retries_total"))


def wait_held(proxy, count: int) -> None:
    """So many logins wait on rw, none of them at a backend."""
    wait_until(lambda: proxy.metrics()['pgsteer_logins_held{listener="rw"}'] == count, what=f"{count} held logins")


__all__ = ["CONNECT_SECONDS", "PendingLogin", "address_of", "addresses_of", "log_in_at_last", "reader_on", "readers",
           "retries", "wait_held", "wait_readers"]


class under_logins:
    """Logs in, asks and leaves all the time, at each of these ports; the failures. changes: of the conninfo."""

    def __init__(self, cluster, *ports: int, **changes):
        self.failures = []
        self._is_over = threading.Event()
        self._rounds = [0] * len(ports)
        self._threads = [threading.Thread(target=self._run, args=({**cluster.conninfo(port), **changes}, i))
                         for i, port in enumerate(ports)]

    def _run(self, conninfo: dict, number: int) -> None:
        while not self._is_over.is_set():
            try:
                connection = psycopg2.connect(**conninfo)
                ask(connection, "select 1")
                connection.close()
            except psycopg2.Error as error:
                self.failures.append(str(error))
            self._rounds[number] += 1

    def __enter__(self) -> list:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: all(self._rounds), what="the first logins")
        return self.failures

    def __exit__(self, *unused) -> None:
        seen = list(self._rounds)
        if unused[0] is None:
            wait_until(lambda: all(now > before for now, before in zip(self._rounds, seen)), what="the last logins")
        self._is_over.set()
        for thread in self._threads:
            thread.join()
