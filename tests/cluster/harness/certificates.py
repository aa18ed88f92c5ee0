"""Throw-away certificate authorities and what they sign.

Flow: make_certificates(folder) -> a server's certificate for localhost and 127.0.0.1; or Authority(folder).issue(...).
"""
from dataclasses import dataclass
from pathlib import Path

from .processes import give_to_postgres, run

NEW_KEY = ["openssl", "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
LOCAL_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
DAYS = 2


@dataclass(frozen=True)
class Certificates:
    authority: Path
    certificate: Path
    key: Path


class Authority:
    def __init__(self, folder: Path):
        self.folder = folder
        self.certificate, self._key = folder / "ca.crt", folder / "ca.key"
        run(NEW_KEY + ["-x509", "-days", DAYS, "-subj", "/CN=pgsteer test CA", "-keyout", self._key,
                       "-out", self.certificate])
        give_to_postgres(self.certificate)

    def issue(self, name: str, subject: str, extension: str) -> Certificates:
        """name: of the files; subject and extension: in openssl's words, such as "/CN=localhost" and LOCAL_NAMES."""
        certificate, key, request, extensions = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr", "cnf"))
        extensions.write_text(extension + "\n")
        run(NEW_KEY + ["-subj", subject, "-keyout", key, "-out", request])
        run(["openssl", "x509", "-req", "-days", DAYS, "-in", request, "-CA", self.certificate, "-CAkey", self._key,
             "-CAcreateserial", "-extfile", extensions, "-out", certificate])
        key.chmod(0o600)
        for path in (certificate, key):
            give_to_postgres(path)
        return Certificates(self.certificate, certificate, key)


def make_certificates(folder: Path) -> Certificates:
    return Authority(folder).issue("server", "/CN=localhost", LOCAL_NAMES)
