#!/usr/bin/python3
"""What Kubernetes and PostgreSQL say during an event, and when; as a process of its own. Started by run.py.

Watches the Cluster's pods, itself, its Lease and the EndpointSlices of its Services, and asks every instance every
10 ms over a connection of its own whether it is in recovery. Each change is one line of JSON, see Change.

Usage: observe.py API_PORT API_FOLDER SECONDS OUT      API_FOLDER: ca.crt, admin.crt, admin.key
"""
import dataclasses
import json
import sys
import threading
import time
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parents[1] / name) for name in ("cluster", "kubernetes", "machine"))]
from harness.certificates import Certificates  # noqa: E402
from kube_api.client import Client  # noqa: E402
from testbed.cnpg import CLUSTER, NAMESPACE, PROBE  # noqa: E402

ASK_EVERY_SECONDS = 0.01
RETRY_SECONDS = 0.03
SERVICES = {f"{CLUSTER}-rw", f"{CLUSTER}-ro"}
CLUSTER_KEYS = ("targetPrimary", "currentPrimary", "phase", "readyInstances")
PRIMARY, STANDBY, SILENT = "PRIMARY", "standby", "no: "


@dataclasses.dataclass
class Change:
    """of: pod, cluster.KEY, lease, slice or postgres; who: a pod's name, for postgres and its address."""

    time: float
    of: str
    who: str
    what: str


class Observer:
    def __init__(self, client: Client, seconds: float, out: str):
        self._client = client
        self._end = time.time() + seconds
        self._file = open(out, "w", encoding="utf-8")  # pylint: disable=consider-using-with
        self._lock = threading.Lock()
        self._last = {}
        self._addresses = {}  # of pods

    def note(self, of: str, who: str, what, now: float = None) -> None:
        with self._lock:
            if self._last.get((of, who)) == what:
                return
            self._last[of, who] = what
            change = Change(now or time.time(), of, who, str(what))
            self._file.write(json.dumps(dataclasses.asdict(change)) + "\n")
            self._file.flush()

    def watch(self, path: str, see) -> None:
        while time.time() < self._end:
            try:
                for event in self._client.watch(path, timeoutSeconds=int(max(1, self._end - time.time()))).each():
                    see(event["type"], event["object"])
            except Exception as error:  # pylint: disable=broad-except
                self.note("watch", path, repr(error)[:100])
                time.sleep(0.2)

    def see_pod(self, kind: str, pod: dict) -> None:
        now, labels, name = time.time(), pod["metadata"].get("labels", {}), pod["metadata"]["name"]
        if labels.get("cnpg.io/podRole") != "instance":
            return
        conditions = pod["status"].get("conditions", [])
        ready = next((c["status"] for c in conditions if c["type"] == "Ready"), "?")
        address = pod["status"].get("podIP")
        words = [f"role={labels.get('cnpg.io/instanceRole')}", f"ready={ready}", f"ip={address}"]
        words += ["terminating"] if pod["metadata"].get("deletionTimestamp") else []
        words += ["DELETED"] if kind == "DELETED" else []
        self.note("pod", name, " ".join(words), now)
        if kind == "DELETED":
            self._addresses.pop(name, None)
        elif address and self._addresses.get(name) != address:
            self._addresses[name] = address
            threading.Thread(target=self.ask, args=(name, address), daemon=True).start()

    def see_cluster(self, unused_kind: str, cluster: dict) -> None:
        now = time.time()
        for key in CLUSTER_KEYS:
            self.note(f"cluster.{key}", CLUSTER, cluster.get("status", {}).get(key), now)

    def see_lease(self, kind: str, lease: dict) -> None:
        if lease["metadata"]["name"] == CLUSTER:
            holder = "DELETED" if kind == "DELETED" else lease["spec"].get("holderIdentity")
            self.note("lease", CLUSTER, f"holder={holder}")

    def see_slice(self, unused_kind: str, found: dict) -> None:
        service = found["metadata"].get("labels", {}).get("kubernetes.io/service-name")
        if service not in SERVICES:
            return
        words = []
        for endpoint in found.get("endpoints") or []:
            states = [word for word in ("ready", "serving", "terminating") if endpoint["conditions"].get(word)]
            words.append(" ".join([endpoint.get("targetRef", {}).get("name", "?"), *states]))
        self.note("slice", service, ", ".join(sorted(words)) or "empty")

    def ask(self, name: str, address: str) -> None:
        connection = None
        while time.time() < self._end and self._addresses.get(name) == address:
            try:
                if connection is None:
                    connection = psycopg2.connect(host=address, sslmode="disable", gssencmode="disable",
                                                  connect_timeout=2, **PROBE)
                    connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("select pg_is_in_recovery()")
                    self.note("postgres", f"{name} {address}", STANDBY if cursor.fetchone()[0] else PRIMARY)
                time.sleep(ASK_EVERY_SECONDS)
            except psycopg2.Error as error:
                self.note("postgres", f"{name} {address}", SILENT + str(error).strip().replace("\n", " ")[-90:])
                if connection:
                    connection.close()
                connection = None
                time.sleep(RETRY_SECONDS)

    def run(self) -> None:
        inside = f"namespaces/{NAMESPACE}"
        for path, see in ((f"/api/v1/{inside}/pods", self.see_pod),
                          (f"/apis/postgresql.cnpg.io/v1/{inside}/clusters", self.see_cluster),
                          (f"/apis/coordination.k8s.io/v1/{inside}/leases", self.see_lease),
                          (f"/apis/discovery.k8s.io/v1/{inside}/endpointslices", self.see_slice)):
            threading.Thread(target=self.watch, args=(path, see), daemon=True).start()
        time.sleep(max(0, self._end - time.time()))


def read(path) -> list:
    with open(path, encoding="utf-8") as file:
        return [Change(**json.loads(line)) for line in file]


if __name__ == "__main__":
    keys = Path(sys.argv[2])
    admin = Client(int(sys.argv[1]), keys / "ca.crt",
                   certificate=Certificates(keys / "ca.crt", keys / "admin.crt", keys / "admin.key"))
    Observer(admin, float(sys.argv[3]), sys.argv[4]).run()
