#!/usr/bin/env python3
"""Checks the repository against the rules of its own style. Exit code 0: clean; 1: problems, one a line.

Usage: tidy.py [ROOT]
"""
import sys
from pathlib import Path

import faults
import includes
import sizes
import style
import words
from source import load

FOLDERS = ["include", "src", "tests", "bench", "config", "deploy", "scripts", "cmake", ".ci", "CMakeLists.txt"]


def problems_of(source) -> list:
    return includes.check(source) + sizes.check(source) + words.check(source) + style.check(source)


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    sources = load(root, FOLDERS)
    if not sources:
        print(f"tidy: nothing to check below {root}")
        return 1
    problems = [problem for source in sources for problem in problems_of(source)]
    problems += includes.check_link_table(root)
    problems += faults.check(root)
    median_problems, report = sizes.check_median(sources)
    problems += median_problems
    for problem in problems:
        print(problem)
    print(f"tidy: {len(sources)} files, {len(problems)} problems; {report}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
