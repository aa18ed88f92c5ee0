#!/usr/bin/env python3
"""What went wrong in a step of scripts/test, short enough to stand at the end of the run.

Usage: failures.py failed LOG    each test of a ctest run that failed, if only at first: its name, what it asserted, the
                                 last lines of its output; where there is none, the last lines of the log
       failures.py retried LOG   the names of the tests that passed only when repeated, one a line

LOG is what the step printed; of ctest with --output-on-failure.
"""
import re
import sys
from pathlib import Path

# A try of a test; what is behind it until the next such line, or the next start, is its output. Behind "  #" stand the
# values of a test with parameters.
RESULT = re.compile(r"^\s*(?:\d+/\d+ )?Test\s+#\d+: (\S+).*? \.*\s*(\*\*\*.*?|Passed|Failed) {2,}[\d.]+ sec$")
NEXT = re.compile(r"^\s*(Start\s+\d+: |(?:\d+/\d+ )?Test\s+#\d+: |\d+% tests passed)")
# gtest, pytest, the sanitizers, PGSTEER_ASSERT.
ASSERTION = re.compile(r": Failure$|^E  |^FAILED |ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|^SUMMARY: "
                       r"|assertion")
LAST_LINES = 30
ASSERTION_LINES_MAX = 40
LINES_BEHIND_GTEST = 6


def tries(lines: list) -> dict:
    """{test: [(outcome, output), ...]}, in the order of the run."""
    found = {}
    for at, line in enumerate(lines):
        match = RESULT.match(line)
        if match:
            end = next((i for i in range(at + 1, len(lines)) if NEXT.match(lines[i])), len(lines))
            found.setdefault(match.group(1), []).append((match.group(2), lines[at + 1:end]))
    return found


def is_bad(outcome: str) -> bool:
    return outcome not in ("Passed", "***Skipped", "***Not Run (Disabled)")


def assertions(output: list) -> list:
    found, until = [], -1
    for at, line in enumerate(output):
        if ASSERTION.search(line):
            until = max(until, at + (LINES_BEHIND_GTEST if line.endswith(": Failure") else 0))
        if at <= until or ASSERTION.search(line):
            found.append(line)
    return found[:ASSERTION_LINES_MAX]


def is_retried(outcomes: list) -> bool:
    return is_bad(outcomes[0]) and not is_bad(outcomes[-1])


def failed(lines: list) -> str:
    told = []
    for name, all_tries in tries(lines).items():
        bad = [(outcome, output) for outcome, output in all_tries if is_bad(outcome)]
        if not bad:
            continue
        outcome, output = bad[-1]
        last = output[-LAST_LINES:]
        before = [line for line in assertions(output) if line not in last]
        passed_then = ", passed when repeated" if is_retried([outcome for outcome, _ in all_tries]) else ""
        told += [f"--- {name} {outcome}{passed_then}", *before, *(["..."] if before else []), *last]
    return "\n".join(told or lines[-LAST_LINES:])


def retried(lines: list) -> str:
    return "\n".join(name for name, all_tries in tries(lines).items()
                     if is_retried([outcome for outcome, _ in all_tries]))


def main() -> int:
    tell = {"failed": failed, "retried": retried}[sys.argv[1]]
    text = tell(Path(sys.argv[2]).read_text(errors="replace").splitlines())
    if text:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
