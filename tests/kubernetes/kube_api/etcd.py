"""One etcd: where the API server keeps everything. Its revisions are Kubernetes' resourceVersions.

Asked over HTTP by its gateway (/v3/kv), as etcdctl would by gRPC.
"""
import json
import shutil
import urllib.request
from pathlib import Path

from harness.wait import free_port, wait_until

from .programs import Program

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Etcd(Program):
    def __init__(self, folder: Path, programs: Path):
        super().__init__("etcd", folder / "etcd.log")
        self._binary = programs / "etcd"
        self._data = folder / "etcd"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._peer_url = f"http://127.0.0.1:{free_port()}"

    def command(self) -> list:
        # The machine itself never crashes in a test, so nothing is synced.
        return [self._binary, "--name", "etcd", "--data-dir", self._data, "--unsafe-no-fsync",
                "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                "--listen-peer-urls", self._peer_url, "--initial-advertise-peer-urls", self._peer_url,
                "--initial-cluster", f"etcd={self._peer_url}"]

    def start(self) -> None:
        super().start()
        wait_until(lambda: self.must_run() and self.revision(), what="etcd to answer")

    def _ask(self, path: str, question: dict) -> dict:
        request = urllib.request.Request(self.url + path, json.dumps(question).encode(), method="POST")
        with _OPENER.open(request, timeout=30) as answer:
            return json.load(answer)

    def revision(self) -> int:
        """Of the latest change."""
        return int(self._ask("/v3/kv/range", {"key": "AA==", "limit": 1})["header"]["revision"])

    def compact(self) -> int:
        """Forgets what was before the latest change, and tells its revision. The API server does so every five
        minutes."""
        revision = self.revision()
        self._ask("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def remove_data(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
