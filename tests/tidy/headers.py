#!/usr/bin/env python3
"""Every public header compiles alone.

What a .cpp file of src includes first, a build of file by file (preset dev) has compiled alone; only the other headers
are compiled here.

Usage: headers.py --compiler CXX [--define NAME=VALUE]... ROOT
"""
import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_FIRST_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)


def first_includes(root: Path) -> set:
    found = [_FIRST_INCLUDE.search(path.read_text(encoding="utf-8")) for path in (root / "src").rglob("*.cpp")]
    return {match.group(1) for match in found if match}


def compiles(command: list, header: str) -> tuple:
    # Twice: the second inclusion must be harmless.
    text = f'#include "{header}"\n#include "{header}"\n'
    done = subprocess.run(command + ["-"], input=text, text=True, capture_output=True, check=False)
    return done.returncode == 0, header, done.stderr


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--define", action="append", default=[])
    parser.add_argument("root")
    options = parser.parse_args()

    top = Path(options.root) / "include"
    headers = {path.relative_to(top).as_posix() for path in top.rglob("*.hpp")}
    others = sorted(headers - first_includes(Path(options.root)))
    command = [options.compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{top}"] + [f"-D{define}" for define in options.define if define]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda header: compiles(command, header), others))
    failed = [(header, errors) for is_good, header, errors in results if not is_good]
    for header, errors in failed:
        print(f"{header} does not compile alone:\n{errors}")
    print(f"{len(headers)} headers, {len(headers) - len(others)} compiled alone by the build, {len(others)} here; "
          f"{len(failed)} that do not compile alone")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
