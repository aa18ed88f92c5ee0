"""A client on any libpq, by ctypes: python3 libpq_client.py LIBPQ CONNINFO STATEMENT [cancel]

Prints one JSON object. With "cancel" it sends the statement, cancels it the way this libpq does, and reports the
SQLSTATE; the statement must be a pg_sleep. A program of its own, so that two versions of libpq never meet in one
process.
"""
import ctypes
import json
import sys
import time

CONNECTION_OK, TUPLES_OK = 0, 2
DIAG_SQLSTATE = ord("C")


def load(path: str):
    libpq = ctypes.CDLL(path)
    for name in ("PQconnectdb", "PQexec", "PQgetResult", "PQcancelCreate"):
        getattr(libpq, name).restype = ctypes.c_void_p
    for name in ("PQerrorMessage", "PQgetvalue", "PQresultErrorField", "PQsslAttribute", "PQparameterStatus",
                 "PQcancelErrorMessage"):
        getattr(libpq, name).restype = ctypes.c_char_p
    return libpq


def text(value) -> str:
    return value.decode(errors="replace").strip() if value else ""


def wait_asleep(libpq, conninfo: str, pid: int) -> None:
    """A cancel that comes before its query has begun is lost."""
    observer = ctypes.c_void_p(libpq.PQconnectdb(conninfo.encode()))
    query = f"select count(*) from pg_stat_activity where pid = {pid} and wait_event = 'PgSleep'"
    deadline = time.monotonic() + 60
    while text(libpq.PQgetvalue(ctypes.c_void_p(libpq.PQexec(observer, query.encode())), 0, 0)) != "1":
        if time.monotonic() > deadline:
            raise TimeoutError("the statement does not sleep")
        time.sleep(0.02)
    libpq.PQfinish(observer)


def cancelled_sqlstate(libpq, connection, conninfo: str, statement: str) -> str:
    libpq.PQsendQuery(connection, statement.encode())
    wait_asleep(libpq, conninfo, libpq.PQbackendPID(connection))
    cancel = ctypes.c_void_p(libpq.PQcancelCreate(connection))
    if not libpq.PQcancelBlocking(cancel):
        return "cancel failed: " + text(libpq.PQcancelErrorMessage(cancel))
    libpq.PQcancelFinish(cancel)
    result = ctypes.c_void_p(libpq.PQgetResult(connection))
    return text(libpq.PQresultErrorField(result, DIAG_SQLSTATE))


def main() -> None:
    path, conninfo, statement = sys.argv[1:4]
    libpq = load(path)
    connection = ctypes.c_void_p(libpq.PQconnectdb(conninfo.encode()))
    report = {"is_ok": libpq.PQstatus(connection) == CONNECTION_OK, "error": text(libpq.PQerrorMessage(connection))}
    if report["is_ok"]:
        report["libpq"] = libpq.PQlibVersion()
        report["protocol"] = libpq.PQfullProtocolVersion(connection)
        report["server_version"] = text(libpq.PQparameterStatus(connection, b"server_version"))
        report["uses_tls"] = bool(libpq.PQsslInUse(connection))
        report["alpn"] = text(libpq.PQsslAttribute(connection, b"alpn"))
        if "cancel" in sys.argv[4:]:
            report["sqlstate"] = cancelled_sqlstate(libpq, connection, conninfo, statement)
        else:
            result = ctypes.c_void_p(libpq.PQexec(connection, statement.encode()))
            is_answered = libpq.PQresultStatus(result) == TUPLES_OK
            report["value"] = text(libpq.PQgetvalue(result, 0, 0)) if is_answered else None
            report["error"] = text(libpq.PQerrorMessage(connection))
    libpq.PQfinish(connection)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
