#!/usr/bin/env python3
"""Packs the images of the bed into one archive that containerd imports (a docker archive): no builder, no registry.

Usage: images.py FOLDER OPERATOR_VERSION POSTGRES_MAJOR

FOLDER has postgres.tar (a Debian root) and manager (the operator); images.tar comes into it: the operator's image, which
is that program alone, PostgreSQL's, and what holds a pod's namespaces, which is the same root asleep.
"""
import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def operator_layer(manager: Path, architecture: str) -> bytes:
    """The operator looks for its own program by architecture, to copy it into PostgreSQL's pods."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as layer:
        layer.add(manager, f"operator/manager_{architecture}")
        link = tarfile.TarInfo("manager")
        link.type, link.linkname, link.mode = tarfile.SYMTYPE, f"operator/manager_{architecture}", 0o777
        layer.addfile(link)
    return made.getvalue()


class Archive:
    def __init__(self, path: Path, architecture: str):
        self._tar = tarfile.open(path, "w")  # pylint: disable=consider-using-with
        self._architecture = architecture
        self._manifest = []

    def add_file(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        self._tar.addfile(entry, io.BytesIO(content))

    def add_layer(self, name: str, content: bytes) -> tuple:
        self.add_file(name, content)
        return name, "sha256:" + hashlib.sha256(content).hexdigest()

    def add_image(self, tag: str, layer: tuple, how_it_runs: dict) -> None:
        """how_it_runs: keys of the image's configuration, such as Entrypoint and User."""
        config_name = f"{tag.replace('/', '-').replace(':', '-')}.json"
        self.add_file(config_name, json.dumps({
            "architecture": self._architecture, "os": "linux", "config": how_it_runs,
            "rootfs": {"type": "layers", "diff_ids": [layer[1]]}}).encode())
        self._manifest.append({"Config": config_name, "RepoTags": [tag], "Layers": [layer[0]]})

    def close(self) -> None:
        self.add_file("manifest.json", json.dumps(self._manifest).encode())
        self._tar.close()


def main() -> int:
    folder, operator_version, postgres_major = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        print(f"images.py: images for {machine} are not known, only for {', '.join(ARCHITECTURES)}", file=sys.stderr)
        return 1
    archive = Archive(folder / "images.tar", ARCHITECTURES[machine])
    root = archive.add_layer("postgres.tar", (folder / "postgres.tar").read_bytes())
    operator = archive.add_layer("operator.tar", operator_layer(folder / "manager", ARCHITECTURES[machine]))
    path = f"PATH=/usr/lib/postgresql/{postgres_major}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    archive.add_image(f"localhost/postgresql:{postgres_major}", root, {"Env": [path, "LANG=C.UTF-8"], "User": "26"})
    archive.add_image("localhost/pause:1", root, {"Env": [path], "Entrypoint": ["/bin/sleep", "infinity"]})
    archive.add_image(f"localhost/cloudnative-pg:{operator_version}", operator,
                      {"Entrypoint": ["/manager"], "User": "65532:65532"})
    archive.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
