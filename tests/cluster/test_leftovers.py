"""Nothing that a test starts outlives it, in the kernel's memory either."""
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

# A cluster dies with its test run: PostgreSQL can tidy up nothing.
CRASH = """
from harness.cluster import PgCluster
with PgCluster(backends=1) as cluster:
    cluster.primary.kill9()
"""


def test_killed_postgresql_leaves_no_shared_memory():
    before = _segments()
    subprocess.run([sys.executable, "-c", CRASH], cwd=HERE, check=True)
    assert _segments() - before == set()


def _segments() -> set:
    """Identifiers of System V shared memory, proc_sysvipc(5)."""
    lines = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
    return {line.split()[1] for line in lines}
