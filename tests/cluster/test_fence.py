"""What pgsteer remembers over a restart, and how an operator takes it back."""
import json
import signal
import subprocess

import psycopg2
import pytest

from harness.logins import log_in_at_last
from harness.proxy import Pgsteer
from harness.wait import wait_until


def fence(proxy, *arguments) -> str:
    command = [str(proxy.binary), "fence", "--config", str(proxy.config_path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


# The proxy's host is restarted after a failover, and at that moment it reaches only the old primary, which was
# started again as it was: without a memory it would be the only primary there is. Then the operator decides that
# the old primary's data is the truth (what a point-in-time recovery to before the failover comes to).
def test_restart_does_not_fall_for_a_stale_primary(cluster, run_pgsteer, connect, tmp_path):
    proxy = run_pgsteer(cluster, cluster_keys={"state_dir": str(tmp_path)}, rw={"hold_timeout": "1s"}, waits=False)
    proxy.wait_primary(cluster.primary)
    old = cluster.primary
    old.kill9()
    cluster.promote(next(i for i, b in enumerate(cluster.backends) if b is not old))
    proxy.wait_primary(cluster.primary)
    wait_until(lambda: json.loads((tmp_path / "fence.json").read_text())["timeline"] == 2, what="the fence on disk")
    proxy.stop()

    cluster.primary.stop()
    old.start()
    proxy.start()
    wait_until(lambda: proxy.log_text().count("pgsteer started") == 2, what="the second start")
    wait_until(lambda: "below the fence 2" in proxy.backend_view(old)["reason"], what="a probe of the old primary")
    with pytest.raises(psycopg2.OperationalError, match="no usable backend after waiting 1 s"):
        connect(proxy.rw_port)
    assert fence(proxy).startswith("timeline 2 of cluster ")

    assert "remembered now: timeline 1 " in fence(proxy, "--lower-to", "1")
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_primary(old)
    assert log_in_at_last(cluster.conninfo(proxy.rw_port)) == old.address


# A folder that cannot be used is no memory, and the operator relies on it.
def test_state_dir_that_is_missing_is_an_error_at_start(whole_cluster, binary, tmp_path):
    proxy = Pgsteer(whole_cluster, binary, cluster_keys={"state_dir": str(tmp_path / "none")})
    command = [str(binary), "run", "--config", str(proxy.config_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    proxy.destroy()
    assert done.returncode == 1
    assert f"pgsteer: cannot start: {tmp_path}/none: expected an existing folder (cluster.state_dir)\n" in done.stderr
