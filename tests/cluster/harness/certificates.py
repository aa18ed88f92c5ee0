"""A throw-away certificate authority and a certificate for localhost and 127.0.0.1."""
from dataclasses import dataclass
from pathlib import Path

from .processes import give_to_postgres, run


@dataclass(frozen=True)
class Certificates:
    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    authority, authority_key = folder / "ca.crt", folder / "ca.key"
    certificate, key, request = folder / "server.crt", folder / "server.key", folder / "server.csr"
    names = folder / "names.cnf"
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    new_key = ["openssl", "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    run(new_key + ["-x509", "-days", "2", "-subj", "/CN=pgsteer test CA", "-keyout", authority_key, "-out", authority])
    run(new_key + ["-subj", "/CN=localhost", "-keyout", key, "-out", request])
    run(["openssl", "x509", "-req", "-days", "2", "-in", request, "-CA", authority, "-CAkey", authority_key,
         "-CAcreateserial", "-extfile", names, "-out", certificate])
    key.chmod(0o600)
    for path in (authority, certificate, key):
        give_to_postgres(path)
    return Certificates(authority, certificate, key)
