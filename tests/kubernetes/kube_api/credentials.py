"""Who may say what to the API server: a throw-away authority, the server's and the admin's certificate, and the key that
signs ServiceAccounts' tokens."""
import base64
import json
import subprocess
from pathlib import Path

from harness.certificates import LOCAL_NAMES, Authority
from harness.processes import run

ISSUER = "https://kubernetes.default.svc"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenKey:
    """An RSA key for tokens (JSON Web Tokens, RS256)."""

    def __init__(self, folder: Path, name: str):
        self.private, self.public = folder / f"{name}.key", folder / f"{name}.pub"
        run(["openssl", "genrsa", "-out", self.private, "2048"])
        run(["openssl", "rsa", "-in", self.private, "-pubout", "-out", self.public])

    def sign(self, claims: dict) -> str:
        """A token with these claims: what the API server would not issue, or not for so short a time."""
        header = {"alg": "RS256", "typ": "JWT"}
        text = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.private], input=text.encode(),
                              capture_output=True, check=True)
        return f"{text}.{_base64url(done.stdout)}"


def claims_of(token: str) -> dict:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Credentials:
    def __init__(self, folder: Path, server_names: str = LOCAL_NAMES):
        """server_names: in openssl's words, what the server may be called by those who ask it."""
        self.issuer = Authority(folder)
        self.authority = self.issuer.certificate
        self.server = self.issuer.issue("server", "/CN=kube-apiserver", server_names)
        # The group that may do everything, by Kubernetes' own first ClusterRoleBinding.
        self.admin = self.issuer.issue("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth")
        self.tokens = TokenKey(folder, "tokens")


def write_kubeconfig(path: Path, url: str, credentials: Credentials) -> None:
    """For kubectl and helm, as the administrator."""
    admin = credentials.admin
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": url, "certificate-authority": str(credentials.authority)}}],
        "users": [{"name": "admin", "user": {
            "client-certificate": str(admin.certificate), "client-key": str(admin.key)}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}]}))


__all__ = ["Credentials", "ISSUER", "TokenKey", "claims_of", "write_kubeconfig"]
