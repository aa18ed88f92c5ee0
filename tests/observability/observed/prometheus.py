"""Debian's Prometheus: a process with a data folder of its own, and its HTTP API.

Flow: with Prometheus(folder, targets) as prometheus -> series(), value(), over_time(); it dies with the test.
"""
import json
import math
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import processes
from harness.wait import free_port, wait_until

from .paths import ALERTS

PROGRAM = "/usr/bin/prometheus"
# Whatever proxy the environment names, it does not know the hosts of a test.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class QueryFailed(RuntimeError):
    pass


class Prometheus:
    def __init__(self, folder: Path, jobs: dict, scrape_interval: str = "250ms"):
        """jobs: name -> (host:port, labels)."""
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.log_path = folder / "prometheus.log"
        scrapes = [{"job_name": job, "static_configs": [{"targets": [address], "labels": labels}]}
                   for job, (address, labels) in jobs.items()]
        # JSON is YAML.
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": scrape_interval, "scrape_timeout": scrape_interval, "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)], "scrape_configs": scrapes}))

    def __enter__(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=processes.die_with_parent(signal.SIGKILL))
        try:
            wait_until(self._is_ready, what="Prometheus to be ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit(f"Prometheus ended with {self.process.returncode}:\n{self.log_path.read_text()}")
        with _OPENER.open(f"http://127.0.0.1:{self.port}/-/ready", timeout=10) as answer:
            return answer.status == 200

    def get(self, path: str, **parameters):
        """The data of an answer of its API."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        try:
            with _OPENER.open(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryFailed(f"{parameters}: {error.read().decode()}") from None

    def series(self, expression: str, at: float = None) -> list:
        """[(labels, value), ...] at one time, now by default."""
        when = {} if at is None else {"time": at}
        return [(one["metric"], float(one["value"][1])) for one in self.get("query", query=expression, **when)["result"]]

    def value(self, expression: str, at: float = None) -> float:
        """Of the only series; not a number where there is none."""
        found = self.series(expression, at)
        assert len(found) <= 1, f"{expression}: {found}"
        return found[0][1] if found else math.nan

    def over_time(self, expression: str, begin: float, end: float, step: float) -> list:
        """[(labels, [(time, value), ...]), ...]"""
        found = self.get("query_range", query=expression, start=begin, end=end, step=step)["result"]
        return [(one["metric"], [(float(at), float(value)) for at, value in one["values"]]) for one in found]

    def label_values(self, query: str) -> list:
        """Of Grafana's label_values(selector, label)."""
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
        return self.get(f"label/{label}/values", **{"match[]": selector})

    def wait_value(self, expression: str, condition, what: str) -> None:
        wait_until(lambda: condition(self.value(expression)), what=what)


__all__ = ["Prometheus", "QueryFailed"]
