"""What the API server was asked, by whom, and what it answered: its own audit log.

A watch is there once its answer has begun, and again when it ends; every other request once it is answered.
"""
import json
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
          "rules": [{"level": "Metadata"}]}


@dataclass(frozen=True)
class Request:
    user: str
    verb: str  # Kubernetes' own: get, list, watch, ...
    path: str
    query: dict  # {name: value}
    status: int  # HTTP's
    has_ended: bool
    token_id: str  # the claim jti of the ServiceAccount's token


class Audit:
    def __init__(self, log_path: Path):
        self._log_path = log_path
        self._policy_path = log_path.with_suffix(".policy")
        self._policy_path.write_text(json.dumps(POLICY))

    def flags(self) -> list:
        # Blocking: what was answered is in the log.
        return [f"--audit-policy-file={self._policy_path}", f"--audit-log-path={self._log_path}",
                "--audit-log-mode=blocking"]

    def requests(self, user: str = None, verb: str = None) -> list:
        """In the order of their answers."""
        text = self._log_path.read_text() if self._log_path.exists() else ""
        complete = text[:text.rfind("\n") + 1]
        found = [_request(json.loads(line)) for line in complete.splitlines()]
        return [r for r in found if user in (None, r.user) and verb in (None, r.verb)]


def _request(entry: dict) -> Request:
    path, _, query = entry["requestURI"].partition("?")
    credential = entry["user"].get("extra", {}).get("authentication.kubernetes.io/credential-id", [""])[0]
    return Request(entry["user"].get("username", ""), entry["verb"], path, dict(urllib.parse.parse_qsl(query)),
                   entry.get("responseStatus", {}).get("code", 0), entry["stage"] == "ResponseComplete",
                   credential.removeprefix("JTI="))


__all__ = ["Audit", "Request"]
