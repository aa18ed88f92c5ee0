"""Short questions to an open psycopg2 connection, and psql as users call it."""
import os
import select
import subprocess

import psycopg2

from .backend import PSQL
from .wait import PATIENCE


def ask(connection, statement: str):
    """The one value a statement returns; None if it returns no rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def backend_port(connection) -> int:
    return ask(connection, "select inet_server_port()")


def assert_ended(connection) -> None:
    """The other side has ended it of its own accord: nothing is sent that would make it."""
    readable, _, _ = select.select([connection.fileno()], [], [], PATIENCE)
    assert readable, f"the session is still open after {PATIENCE} s"
    try:
        ask(connection, "select 1")
    except psycopg2.OperationalError:
        return
    raise AssertionError("the session goes on")


def psql(cluster, port: int, statement: str, dbname: str = "appdb", password: str = None, options: str = "",
         host: str = "localhost", timeout: float = 120) -> subprocess.CompletedProcess:
    """options: more of the connection string, e.g. "sslmode=require"."""
    environment = {**os.environ, "PGPASSWORD": cluster.app_password if password is None else password, "LC_ALL": "C"}
    conninfo = f"host={host} port={port} user=app dbname={dbname} {options}"
    return subprocess.run([PSQL, "-X", "-A", "-t", conninfo, "-c", statement], env=environment, text=True,
                          capture_output=True, timeout=timeout, check=False)
