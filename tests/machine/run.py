#!/usr/bin/python3
"""Runs the tests of this folder on a real machine of Kubernetes, with pgsteer's own image. Started by
scripts/test --kubernetes.

Usage: run.py [ARGUMENT...]     for pytest, such as: -k rolling

Everything is in namespaces of its own (testbed/enclosure.py), pytest too. Exit code: 0 all passed, 1 not all, another
one if the run was broken off. Needs root.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / name) for name in ("cluster", "kubernetes"))]
# pylint: disable=wrong-import-position
import pytest  # noqa: E402

from given import Given  # noqa: E402
from kube_api.programs import Unavailable  # noqa: E402
from testbed.bed import Bed, Programs  # noqa: E402
from testbed.enclosure import run_enclosed  # noqa: E402


def main() -> int:
    if os.geteuid() != 0:
        sys.exit("scripts/test --kubernetes: needs root, for namespaces")
    programs = Programs()
    folder = Path(tempfile.mkdtemp(prefix="pgsteer-machine-"))
    folder.chmod(0o755)
    archive = folder / "image.tar"

    def keep_logs() -> None:
        kept = Path(tempfile.mkdtemp(prefix="pgsteer-machine-logs-"))
        shutil.copytree(folder / "logs", kept, dirs_exist_ok=True)
        print(f"logs of the machine: {kept}")

    def body() -> int:
        status = None
        try:
            with Bed(folder, programs) as bed:
                given = Given(bed, archive, programs.api / "helm")
                words = ["-v", "-rP", "-p", "no:cacheprovider", "--durations=0", "--rootdir", str(HERE), str(HERE)]
                status = pytest.main([*words, *sys.argv[1:]], plugins=[given])
        finally:
            # Also where the machine did not come up.
            if status != 0:
                keep_logs()
        return int(status)

    try:
        subprocess.run([HERE / "build_image", archive], check=True)
        return run_enclosed(folder, body)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, subprocess.CalledProcessError) as reason:
        sys.exit(f"scripts/test --kubernetes: {reason}")
