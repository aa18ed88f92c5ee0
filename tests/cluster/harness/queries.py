"""Short questions to an open psycopg2 connection, and psql as users call it."""
import os
import subprocess

from .backend import PSQL


def ask(connection, statement: str):
    """The one value a statement returns; None if it returns no rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def backend_port(connection) -> int:
    return ask(connection, "select inet_server_port()")


def psql(cluster, port: int, statement: str, dbname: str = "appdb", password: str = None, options: str = "",
         host: str = "localhost", timeout: float = 60) -> subprocess.CompletedProcess:
    """options: more of the connection string, e.g. "sslmode=require"."""
    environment = {**os.environ, "PGPASSWORD": cluster.app_password if password is None else password, "LC_ALL": "C"}
    conninfo = f"host={host} port={port} user=app dbname={dbname} {options}"
    return subprocess.run([PSQL, "-X", "-A", "-t", conninfo, "-c", statement], env=environment, text=True,
                          capture_output=True, timeout=timeout, check=False)
