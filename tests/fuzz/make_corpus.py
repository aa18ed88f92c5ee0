#!/usr/bin/env python3
"""Writes the seeds of every fuzz program to corpus/<program>/ beside this file.

The files are in the repository; run this after changing a seed. Findings are added there by hand.
"""
import pathlib
import struct

FOLDER = pathlib.Path(__file__).parent / "corpus"
SSL, GSSENC, CANCEL = 80877103, 80877104, 80877102


def packet(code, body=b""):
    return struct.pack(">II", 8 + len(body), code) + body


def strings(*texts):
    return b"".join(text.encode() + b"\0" for text in texts)


def startup(*pairs, minor=0):
    return packet(3 << 16 | minor, strings(*pairs) + b"\0")


def message(kind, body):
    return kind + struct.pack(">I", 4 + len(body)) + body


def error(*fields):
    return message(b"E", strings(*fields) + b"\0")


def login(hot_standby, secret):
    return (
        message(b"R", struct.pack(">I", 10) + strings("SCRAM-SHA-256", ""))
        + message(b"R", struct.pack(">I", 0))
        + message(b"N", strings("SNOTICE", "Mhello") + b"\0")
        + message(b"S", strings("in_hot_standby", hot_standby))
        + message(b"S", strings("server_version", "15.14"))
        + message(b"K", struct.pack(">I", 4711) + secret)
        + message(b"Z", b"I")
    )


PLAIN = startup("user", "app", "database", "appdb", "application_name", "psql")
NEWER = startup("user", "app", "_pq_.test_protocol_negotiation", "", minor=9999)
REPLICATION = startup("user", "app", "replication", "database")
HELLO = b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"
CANCEL_3_0 = packet(CANCEL, struct.pack(">II", 42, 7))
CANCEL_3_2 = packet(CANCEL, struct.pack(">I", 42) + bytes(range(256)))
STARTING = error("SFATAL", "VFATAL", "C57P03", "Mthe database system is starting up", "Fpostmaster.c")
OLDER = message(b"v", struct.pack(">II", 3 << 16, 1) + strings("_pq_.test"))
FORK_FAILED = b"Ecould not fork new process for connection: Cannot allocate memory\n\0"

POD = (
    b'{"kind":"Pod","metadata":{"name":"pg-1","uid":"u-1","resourceVersion":"7","labels":{"role":"primary"}},'
    b'"status":{"phase":"Running","podIP":"10.0.0.1","conditions":[{"type":"Ready","status":"True"}]}}'
)
STATUS = b'{"kind":"Status","status":"Failure","message":"too old","reason":"Expired","code":410}'


def event(kind, body):
    return b'{"type":"' + kind + b'","object":' + body + b"}\n"


SEEDS = {
    "api_reader": {
        # Two bytes in front: watch, list or Status, and the cut.
        "watch": b"\0\x40" + event(b"ADDED", POD) + event(b"DELETED", POD),
        "bookmark": b"\0\x10" + event(b"BOOKMARK", b'{"metadata":{"resourceVersion":"9"}}'),
        "error": b"\0\x20" + event(b"MODIFIED", POD) + event(b"ERROR", STATUS),
        "list": b"\1\x50" + b'{"metadata":{"resourceVersion":"7","continue":"c1"},"items":[' + POD + b"," + POD + b"]}",
        "status": b"\2\0" + STATUS,
        "no_json": b"\0\5<html>",
    },
    "startup_negotiation": {
        # Two bytes in front: replies (N = 0, S = 1, G = 2, two bits each) and the cut.
        "plain": b"\0\4" + PLAIN,
        "newer": b"\0\4" + NEWER,
        "ssl_rejected": b"\0\4" + packet(SSL) + PLAIN,
        "gssenc_then_ssl": b"\0\4" + packet(GSSENC) + packet(SSL) + PLAIN,
        "ssl_twice": b"\0\4" + packet(SSL) + packet(SSL),
        "ssl_accepted": b"\1\4" + packet(SSL) + PLAIN,
        "cancel": b"\0\4" + CANCEL_3_0,
        "cancel_long": b"\0\4" + CANCEL_3_2,
        "direct_tls": b"\0\3" + HELLO,
        "no_terminator": b"\0\4" + packet(3 << 16, strings("user", "app")),
        "http": b"\0\2GET / HTTP/1.1\r\n\r\n",
    },
    "startup_message": {"plain": PLAIN, "newer": NEWER, "replication": REPLICATION},
    "login_watch": {
        # Two bytes in front: refuse_hot_standby and the cut.
        "primary": b"\1\7" + login("off", b"1234"),
        "standby": b"\1\7" + login("on", b"1234"),
        "long_key": b"\0\7" + login("off", bytes(256)),
        "older": b"\1\7" + OLDER + login("off", b"1234"),
        "refused": b"\1\7" + STARTING,
        "fork_failed": b"\1\7" + FORK_FAILED,
    },
    "first_answer": {
        "starting": STARTING,
        "older": OLDER + STARTING,
        "fork_failed": FORK_FAILED,
        "login": login("off", b"1234"),
    },
    "error_response": {"starting": STARTING, "no_fields": error(), "no_code": error("SFATAL", "Mx")},
    "cancel_request": {"protocol_3_0": CANCEL_3_0, "protocol_3_2": CANCEL_3_2},
}

for parser, seeds in SEEDS.items():
    folder = FOLDER / f"fuzz_{parser}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds.items():
        (folder / name).write_bytes(content)
