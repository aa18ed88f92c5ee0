#!/usr/bin/env python3
"""scripts/lib/failures.py finds in what ctest prints what a reader of the end of a run needs."""
import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "lib" / "failures.py"
LOG = """Test project /build/dev
        Start   1: Good.Test
  1/5 Test   #1: Good.Test ..................................   Passed    0.01 sec
        Start   2: Bad.Test
        Start   3: cluster.once
  2/5 Test   #2: Each/Bad.Test/Epoll  # GetParam() = 4-byte object <01-00 00-00> ........***Failed    0.01 sec
early.cpp:3: Failure
Value of: early
{filler}
late.cpp:4: Failure
        Start   4: cluster.twice
  3/5 Test   #3: cluster.once ...............................***Failed   12.34 sec
E   assert "once" == "never"
        Start   3: cluster.once
        Test   #3: cluster.once ...............................   Passed   12.34 sec
  4/5 Test   #4: cluster.twice ..............................***Timeout   1.00 sec
        Start   4: cluster.twice
        Test   #4: cluster.twice ..............................***Exception: SegFault  1.00 sec
  5/5 Test   #5: Skipped.Test ...............................***Skipped   0.00 sec

60% tests passed, 2 tests failed out of 5
""".replace("{filler}", "\n".join(f"filler {i}" for i in range(50)))


def main() -> int:
    spec = importlib.util.spec_from_file_location("failures", SCRIPT)
    failures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(failures)
    lines = LOG.splitlines()
    told = failures.failed(lines).splitlines()
    assert failures.retried(lines) == "cluster.once", failures.retried(lines)
    heads = [line for line in told if line.startswith("--- ")]
    assert heads == ["--- Each/Bad.Test/Epoll ***Failed", "--- cluster.once ***Failed, passed when repeated",
                     "--- cluster.twice ***Exception: SegFault"], heads
    assert told[1:3] == ["early.cpp:3: Failure", "Value of: early"], "the assertion above the last lines"
    assert "late.cpp:4: Failure" in told and "filler 49" in told and "filler 10" not in told
    assert failures.failed(["a compiler's line", "error: wrong"]).endswith("error: wrong"), "no test in it"
    return 0


if __name__ == "__main__":
    sys.exit(main())
