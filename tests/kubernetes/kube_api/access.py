"""A ServiceAccount, its tokens, and a Role for it: to list and watch the pods of its namespace, if nothing else is said."""
import time
from pathlib import Path

from .client import Client
from .credentials import ISSUER, TokenKey, claims_of

RIGHTS = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
TOKEN_SECONDS_MIN = 600  # The API server issues none for a shorter time.
LEEWAY_SECONDS = 60  # It takes an expired one for so long, since clocks differ.


class Account:
    def __init__(self, client: Client, namespace: str, name: str = "pgsteer", rights: list = None):
        """With its Role, bound to it. rights: the Role's rules."""
        self.client = client
        self.namespace = namespace
        self.name = name
        self.user = f"system:serviceaccount:{namespace}:{name}"
        self._accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        client.request("POST", self._accounts, {"metadata": {"name": name}})
        client.request("POST", f"{self._rbac}/roles", {"metadata": {"name": name}, "rules": rights or RIGHTS})
        self.allow()

    def allow(self) -> None:
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": self.name}
        self.client.request("POST", f"{self._rbac}/rolebindings", {
            "metadata": {"name": self.name}, "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}]})

    def forbid(self) -> None:
        """Requests are refused once the API server's own watch has heard of it; watches that are open go on."""
        self.client.request("DELETE", f"{self._rbac}/rolebindings/{self.name}")

    def token(self, seconds: int = TOKEN_SECONDS_MIN) -> str:
        """By TokenRequest, as a kubelet gets the one it writes into a pod's volume."""
        return self.client.request("POST", f"{self._accounts}/{self.name}/token", {
            "spec": {"expirationSeconds": seconds}})["status"]["token"]

    def forged_token(self, key: TokenKey, seconds: float = TOKEN_SECONDS_MIN) -> str:
        """With the claims of a real one, by this key; its time is over in so many seconds, or was."""
        claims = claims_of(self.token())
        now = time.time()
        assert claims["iss"] == ISSUER
        begin = int(min(now, now + seconds - TOKEN_SECONDS_MIN))
        return key.sign({**claims, "iat": begin, "nbf": begin, "exp": int(now + seconds)})


def write_token(path: Path, token: str) -> None:
    """As a kubelet rotates it: by a rename, so that nobody reads half of one."""
    new = path.with_name(path.name + ".new")
    new.write_text(token)
    new.replace(path)


__all__ = ["Account", "LEEWAY_SECONDS", "RIGHTS", "TOKEN_SECONDS_MIN", "write_token"]
