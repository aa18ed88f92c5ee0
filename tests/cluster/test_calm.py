"""A minute of scripts/soak calm: every disturbance that is no failover, once. How long anything takes is the soak's."""
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
CALM = Path(__file__).parents[1] / "soak" / "calm.py"


# The complaint behind it: a load balancer that counts missed checks moves everything, or drops it, whenever a network
# sneezes, a host is busy, or a resolver has a bad minute; and the primary was there all the time.
def test_no_disturbance_looks_like_a_failover(binary):
    command = ["/usr/bin/python3", "-B", str(CALM), "--minutes", "1", "--untimed", "--binary", str(binary)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=840, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-3000:]
