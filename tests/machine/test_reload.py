"""A changed ConfigMap or Secret is in force once kubelet has brought it to the pods, and nobody notices."""
import base64
import contextlib
import time

import psycopg2
import pytest

from harness.processes import CommandFailed
from harness.queries import ask
from harness.wait import wait_until
from testbed.clients import CONNECT_SECONDS_MAX, Logins
from testbed.cnpg import APP, NAMESPACE, PROBE
from testbed.release import RO_PORT, RW_PORT

LOGINS_PER_SECOND = 50
# Kubelet looks after each pod every 60 to 90 s; this is twice as much.
BROUGHT_SECONDS_MAX = 180
REPORTS_PORT = 5434
APPLIED, INVALID = (f'pgsteer_config_reloads_total{{result="{result}"}}' for result in ("applied", "invalid"))
SUCCESSFUL = "pgsteer_config_last_reload_successful"
SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/pgsteer-probe"
PROBES, REFUSED_LOGINS = "pgsteer_probe_seconds_count", 'pgsteer_probes_total{outcome="wrong_credentials"}'


def connect(address: str, port: int, sslmode: str = "prefer"):
    return psycopg2.connect(host=address, port=port, sslmode=sslmode, connect_timeout=CONNECT_SECONDS_MAX, **APP)


def changed(release, **keys) -> dict:
    """Values with these keys of pgsteer's configuration instead."""
    return {"config": {**release.base["config"], **keys}}


def in_force(release, pod) -> str:
    return release.kubectl("exec", pod.name, "--", "pgsteer", "config")


class Sessions:
    """Through each pgsteer, in the clear and encrypted: an idle one, and one in a transaction."""

    def __init__(self, release):
        self._idle, self._busy = [], []
        for pod in release.pods():
            for sslmode in ("disable", "require"):
                self._idle.append(connect(pod.address, RW_PORT, sslmode))
                self._idle[-1].autocommit = True
                self._busy.append(connect(pod.address, RW_PORT, sslmode))
                ask(self._busy[-1], "create temp table seen (n int)")
        self._pids = [ask(each, "select pg_backend_pid()") for each in self._idle]

    def work(self) -> None:
        for each in self._busy:
            ask(each, "insert into seen values (1)")

    def assert_unharmed(self, times: int) -> None:
        """They have worked so many times."""
        assert [ask(each, "select pg_backend_pid()") for each in self._idle] == self._pids
        assert [ask(each, "select count(*) from seen") for each in self._busy] == [times] * len(self._busy)
        for each in self._busy:
            each.commit()
        for each in [*self._idle, *self._busy]:
            each.close()


@pytest.fixture
def unchanged(release):
    """Pods and their configuration, before and after."""
    pods, configurations = release.pods(), [in_force(release, pod) for pod in release.pods()]
    yield configurations
    release.upgrade({})
    release.bring_volumes()
    wait_until(lambda: all(pod.metric(SUCCESSFUL) == 1 for pod in pods) and
               [in_force(release, pod) for pod in pods] == configurations, BROUGHT_SECONDS_MAX,
               "the old configuration to be in force again", every=1)
    assert release.pods() == pods


# The pool's maximum is raised, the log is to tell more, and the reports get a port of their own: one helm upgrade, and
# then nothing but time.
def test_changed_config_map_is_in_force_and_no_session_notices(release, unchanged):
    # pylint: disable=unused-argument
    pods, sessions = release.pods(), Sessions(release)
    applied = {pod: pod.metric(APPLIED) for pod in pods}
    listeners = [{"name": "rw", "bind": f"0.0.0.0:{RW_PORT}", "route": "primary", "hold_timeout": "60s"},
                 {"name": "ro", "bind": f"0.0.0.0:{RO_PORT}", "route": "prefer-standby", "max_replay_lag": "16MiB"},
                 {"name": "reports", "bind": f"0.0.0.0:{REPORTS_PORT}", "route": "standby"}]
    with Logins(release.address(), LOGINS_PER_SECOND) as logins:
        wait_until(lambda: set(logins.taken_by) == {pod.address for pod in pods}, what="logins through both pgsteers")
        release.upgrade(changed(release, limits={"sessions": 5000}, log={"level": "debug"}, listeners=listeners))
        began, rounds = time.monotonic(), 0
        waiting = set(pods)
        while waiting and time.monotonic() < began + BROUGHT_SECONDS_MAX:
            for pod in [pod for pod in waiting if pod.metric(APPLIED) > applied[pod]]:
                print(f"{pod.name}: in force {time.monotonic() - began:.1f} s after helm upgrade")
                waiting.remove(pod)
            sessions.work()
            rounds += 1
            time.sleep(0.5)
        assert not waiting
        with contextlib.closing(connect(release.address(), REPORTS_PORT)) as reader:
            assert ask(reader, "select pg_is_in_recovery()") is True
    print(logins)
    logins.assert_none_failed()
    sessions.assert_unharmed(rounds)
    assert release.pods() == pods
    for pod in pods:
        assert pod.metric(SUCCESSFUL) == 1
        for line in ("  sessions: 5000\n", "  level: debug\n", "  - name: reports\n"):
            assert line in in_force(release, pod), in_force(release, pod)


# The chart's schema knows no ranges: pgsteer does, and says in its log what it did not take.
def test_a_config_map_that_is_wrong_changes_nothing(release, unchanged):
    pods, sessions = release.pods(), Sessions(release)
    invalid = {pod: pod.metric(INVALID) for pod in pods}
    with Logins(release.address(), LOGINS_PER_SECOND) as logins:
        release.upgrade(changed(release, probe={"interval": "fast"}, limits={"sessions": 5000}))
        release.bring_volumes()
        wait_until(lambda: all(pod.metric(INVALID) > invalid[pod] for pod in pods), BROUGHT_SECONDS_MAX,
                   "both pgsteers to have read it", every=0.2)
        sessions.work()
    print(logins)
    logins.assert_none_failed()
    sessions.assert_unharmed(1)
    for pod in pods:
        assert pod.metric(SUCCESSFUL) == 0
        log = release.kubectl("logs", pod.name)
        assert "configuration not reloaded: the present one stays" in log
        assert "interval" in log and "expected a duration" in log
        with pytest.raises(CommandFailed) as refused:
            release.kubectl("exec", pod.name, "--", "pgsteer", "reload")
        assert "/etc/pgsteer/config/pgsteer.yaml:" in str(refused.value) and "expected a duration" in str(refused.value)
    assert [in_force(release, pod) for pod in pods] == unchanged


def rotate(bed, release, password: str) -> None:
    """Until both pgsteers and the role have the new one."""
    words = "a file of the probe has changed: logging in anew"
    told = {pod: release.kubectl("logs", pod.name).count(words) for pod in release.pods()}
    bed.server.admin.patch(SECRET, {"data": {"password": base64.b64encode(password.encode()).decode()}})
    version = bed.server.admin.get(SECRET)["metadata"]["resourceVersion"]
    release.bring_volumes()
    wait_until(lambda: all(release.kubectl("logs", pod.name).count(words) > told[pod] for pod in told),
               BROUGHT_SECONDS_MAX, "both pgsteers to notice it", every=1)
    wait_until(lambda: version == bed.cnpg.status()["managedRolesStatus"]["passwordStatus"]["pgsteer"]["resourceVersion"],
               BROUGHT_SECONDS_MAX, "the operator to give it to the role", every=0.5)


def wait_no_probe_refused(pods: list) -> None:
    """For as many probes as every backend has a fresh login among."""
    def is_quiet() -> bool:
        refused, probes = ([pod.metric(series) for pod in pods] for series in (REFUSED_LOGINS, PROBES))
        wait_until(lambda: all(pod.metric(PROBES) > count + 120 for pod, count in zip(pods, probes)), what="probes", every=0.5)
        return [pod.metric(REFUSED_LOGINS) for pod in pods] == refused

    wait_until(is_quiet, BROUGHT_SECONDS_MAX, "every probe to be let in")


# CloudNativePG gives the role the new password, and kubelet brings it to the pods, in this order or the other. The
# probes' open connections serve meanwhile.
def test_a_rotated_password_of_the_probe_is_used_without_a_restart(bed, release):
    pods = release.pods()
    with Logins(release.address(), LOGINS_PER_SECOND) as logins:
        try:
            rotate(bed, release, "another-password")
            wait_no_probe_refused(pods)
        finally:
            rotate(bed, release, PROBE["password"])
        wait_no_probe_refused(pods)
    print(logins)
    logins.assert_none_failed()
    assert release.pods() == pods
    assert [pod.sees() for pod in pods] == [(1, 2)] * len(pods)
