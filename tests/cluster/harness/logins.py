"""Logins that wait: each in a thread of its own, so that a test can go on meanwhile. Whose backend took a session."""
import threading

import psycopg2

from .queries import ask
from .wait import wait_until

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


class PendingLogin:
    """One login. Flow: is_waiting() -> address(), which is the backend's that took it, or raises what the client got."""

    def __init__(self, conninfo: dict):
        """conninfo: for psycopg2."""
        self.conninfo = {"connect_timeout": 30, **conninfo}
        self._address = None
        self._error = None
        self._thread = threading.Thread(target=self._log_in, daemon=True)
        self._thread.start()

    def _log_in(self) -> None:
        try:
            connection = psycopg2.connect(**self.conninfo)
            try:
                self._address = address_of(connection)
            finally:
                connection.close()
        except psycopg2.Error as error:
            self._error = error

    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def address(self, timeout: float = 10) -> str:
        self._thread.join(timeout)
        if self.is_waiting():
            raise TimeoutError(f"the login still waits after {timeout} s")
        if self._error:
            raise self._error
        return self._address


def addresses_of(logins: list, timeout: float = 10) -> set:
    return {login.address(timeout) for login in logins}


def wait_held(proxy, count: int, timeout: float = 5) -> None:
    """So many logins wait on rw, none of them at a backend."""
    wait_until(lambda: proxy.metrics()['pgsteer_logins_held{listener="rw"}'] == count, timeout, f"{count} held logins")


__all__ = ["PendingLogin", "address_of", "addresses_of", "readers", "wait_held"]
