"""Clients that log in, ask and leave, again and again, for as long as the block lasts."""
import threading

import psycopg2

from harness.logins import CONNECT_SECONDS
from harness.queries import ask


class Client(threading.Thread):
    """What fails is tried anew: a primary dies meanwhile."""

    def __init__(self, conninfo: dict, statement: str):
        super().__init__(daemon=True)
        self.conninfo = {**conninfo, "connect_timeout": CONNECT_SECONDS}
        self.statement = statement
        self.answers = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.02):
            try:
                connection = psycopg2.connect(**self.conninfo)
                try:
                    ask(connection, self.statement)
                    self.answers += 1
                finally:
                    connection.close()
            except psycopg2.Error:
                pass


class Traffic:
    def __init__(self, cluster, proxy, clients_each: int = 2):
        statement = "select repeat('x', 20000)"
        self.clients = [Client(cluster.conninfo(port), statement)
                        for port in (proxy.rw_port, proxy.ro_port) for _ in range(clients_each)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *unused) -> None:
        for client in self.clients:
            client.done.set()
        for client in self.clients:
            client.join(CONNECT_SECONDS)

    def writers_answers(self) -> int:
        return sum(client.answers for client in self.clients[:len(self.clients) // 2])


__all__ = ["Traffic"]
