#!/usr/bin/env python3
"""A flood of watch events delays neither probes nor logins nor a failover, and costs no memory.

A real cluster and pgsteer, whose backends are pods that a scripted Kubernetes API tells of. First it is silent; then it
sends that many events a second, each of which changes a pod's readiness or labels, so that each is a hint to probe.
In both phases logins through rw and ro are timed, and the primary is killed and a standby promoted. Prints both side by
side; exit code 1 if a login failed, the flood did not arrive, a figure is more than BOUNDS says, or memory grew.
"""
import argparse
import json
import os
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg2

sys.path[:0] = [str(Path(__file__).parents[1] / "cluster")]
# pylint: disable=wrong-import-position
from harness.certificates import make_certificates  # noqa: E402
from harness.cluster import PgCluster  # noqa: E402
from harness.loopback import Loopback  # noqa: E402
from harness.proxy import Pgsteer  # noqa: E402
from harness.wait import wait_until  # noqa: E402

BURSTS = 20  # a second
SILENT_SECONDS = 15
STRANGERS = 50  # Pods that match the selector and do not run.
# Of a phase with the flood, compared with the silent one: so many times as much, and so much more in milliseconds.
BOUNDS = {"logins, median": (3, 20), "logins, 99 of 100": (3, 100), "first login after the promotion": (2, 200)}
MEMORY_GROWTH_MAX = 8 * 1024 * 1024


def pod(name: str, address: str, number: int) -> dict:
    is_ready = str(number % 2 == 0)
    phase = "Running" if address else "Pending"
    return {"kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": "db", "uid": f"uid-{name}", "resourceVersion": str(number + 1),
                         "creationTimestamp": "2026-01-01T00:00:00Z",
                         "labels": {"app": "pg", "role": f"word{number % 3}"}, "annotations": {"note": "x" * 600}},
            "status": {"phase": phase, "podIP": address, "conditions": [{"type": "Ready", "status": is_ready}]}}


class Api:
    """Answers a list, and keeps a watch open, which flood() writes to."""

    def __init__(self, folder: Path, addresses: list):
        self.pods = [(f"pg-{i}", address) for i, address in enumerate(addresses)]
        self.pods += [(f"stranger-{i}", "") for i in range(STRANGERS)]
        self.certificates = make_certificates(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificates.certificate, self.certificates.key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"
        self._watch = None
        self._has_watch = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = self._context.wrap_socket(connection, server_side=True)
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                piece = stream.recv(65536)
                if not piece:
                    return
                received += piece
            head, received = received.split(b"\r\n\r\n", 1)
            begin = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            if b"watch=1" in head:
                stream.sendall((begin + "Transfer-Encoding: chunked\r\n\r\n").encode())
                self._watch = stream
                self._has_watch.set()
                return
            items = [pod(name, address, 0) for name, address in self.pods]
            body = json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": items})
            stream.sendall(f"{begin}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def bursts(self, rate: int) -> list:
        """The events of three bursts, in HTTP's chunks, each other than the one before it."""
        found = []
        for turn in range(3):
            numbers = range(rate // BURSTS)
            lines = [json.dumps({"type": "MODIFIED", "object": pod(*self.pods[i % len(self.pods)], turn + i)}) + "\n"
                     for i in numbers]
            text = "".join(lines).encode()
            found.append(f"{len(text):x}\r\n".encode() + text + b"\r\n")
        return found

    def flood(self, rate: int, over: threading.Event) -> int:
        """Until it is over; how many events were sent. Slower than that rate if nobody reads them so fast."""
        assert self._has_watch.wait(60), "nobody watches"
        bursts, sent, due = self.bursts(rate), 0, time.monotonic()
        while not over.is_set():
            self._watch.sendall(bursts[sent // (rate // BURSTS) % 3])
            sent += rate // BURSTS
            due = max(due + 1 / BURSTS, time.monotonic() - 1)
            over.wait(max(0.0, due - time.monotonic()))
        return sent


class Logins(threading.Thread):
    """One login after the other, each with a query, until it is over; seconds that each took, and what went wrong."""

    def __init__(self, conninfo: dict, over: threading.Event):
        super().__init__(daemon=True)
        self.conninfo, self.over = conninfo, over
        self.seconds, self.errors = [], []
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.02):
            began = time.monotonic()
            try:
                connection = psycopg2.connect(**self.conninfo)
                connection.cursor().execute("select 1")
                connection.close()
                self.seconds.append(time.monotonic() - began)
            except psycopg2.Error as error:
                self.errors.append(str(error).strip())


def fail_over(cluster: PgCluster, proxy: Pgsteer) -> float:
    """Milliseconds from the end of the promotion to the end of the first login on the new primary."""
    cluster.primary.kill9()
    cluster.promote(cluster.backends.index(cluster.standbys()[0]))
    began = time.monotonic()
    psycopg2.connect(**cluster.conninfo(proxy.rw_port), connect_timeout=60).close()
    taken = 1000 * (time.monotonic() - began)
    cluster.repair()
    return taken


def phase(cluster: PgCluster, proxy: Pgsteer, seconds: float) -> tuple:
    """Figures in milliseconds, and errors."""
    over = threading.Event()
    clients = [Logins(cluster.conninfo(port), over) for port in (proxy.rw_port, proxy.ro_port)]
    time.sleep(seconds)
    over.set()
    for client in clients:
        client.join(60)
    times = sorted(1000 * each for client in clients for each in client.seconds)
    taken = fail_over(cluster, proxy)
    return ({"logins, median": statistics.median(times), "logins, 99 of 100": times[int(len(times) * 0.99)],
             "first login after the promotion": taken, "logins": len(times)},
            [error for client in clients for error in client.errors])


def events_of(proxy: Pgsteer) -> float:
    return proxy.metrics()['pgsteer_discovery_events_total{resource="pods",type="modified"}']


def measure(options, cluster: PgCluster, api: Api, proxy: Pgsteer) -> list:
    """What was wrong, in words; prints the rest."""
    wait_until(lambda: proxy.metrics().get('pgsteer_discovery_watching{resource="pods"}') == 1, what="the watch")
    silent, wrong = phase(cluster, proxy, SILENT_SECONDS)
    over, sent = threading.Event(), []
    sender = threading.Thread(target=lambda: sent.append(api.flood(options.rate, over)), daemon=True)
    sender.start()
    wait_until(lambda: events_of(proxy) > 2 * options.rate, what="the flood to begin")
    memory, before, began = proxy.rss_bytes(), events_of(proxy), time.monotonic()
    flooded, errors = phase(cluster, proxy, options.seconds)
    rate = (events_of(proxy) - before) / (time.monotonic() - began)
    growth = proxy.rss_bytes() - memory
    over.set()
    sender.join(60)
    wrong += errors
    for name, of_silent in silent.items():
        print(f"{name:36} silent {of_silent:10.1f}   flooded {flooded[name]:10.1f}")
        times, more = BOUNDS.get(name, (None, None))
        if times and flooded[name] > max(times * of_silent, of_silent + more):
            wrong.append(f"{name}: {flooded[name]:.1f} ms instead of {of_silent:.1f} ms")
    print(f"events a second {rate:.0f}; memory grew by {growth / 1024:.0f} KiB")
    if rate < 0.9 * options.rate:
        wrong.append(f"{rate:.0f} events a second arrived instead of {options.rate}")
    if growth > MEMORY_GROWTH_MAX:
        wrong.append(f"memory grew by {growth} bytes")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak watch-flood", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=10_000, help="events a second")
    options = parser.parse_args()
    with PgCluster(network=Loopback()) as cluster, tempfile.TemporaryDirectory() as folder:
        api = Api(Path(folder), [backend.ip for backend in cluster.backends])
        (Path(folder) / "token").write_text("token")
        keys = {"namespace": "db", "label_selector": "app=pg", "port": cluster.network.port, "api_server": api.url,
                "token_file": f"{folder}/token", "ca_file": str(api.certificates.authority)}
        with Pgsteer(cluster, Path(os.environ["PGSTEER_BINARY"]), source=f"kubernetes: {json.dumps(keys)}",
                     rw={"hold_timeout": "60s"}) as proxy:
            wrong = measure(options, cluster, api, proxy)
    for each in wrong[:20]:
        print(f"WRONG: {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
