"""The pods that the chart makes have no more rights than they need."""
import errno
import re
from pathlib import Path

import pytest

from kube_api.client import Refused
from testbed.cnpg import NAMESPACE


def pid_of(release, pod) -> int:
    machine = release.bed.machine
    return machine.pid(machine.container(pod.name, "pgsteer"))


def test_no_root_no_capability_no_new_privileges_and_a_seccomp_profile(release):
    for pod in release.pods():
        with open(f"/proc/{pid_of(release, pod)}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        assert status["Uid"].split() == ["65532"] * 4
        assert status["Gid"].split() == ["65532"] * 4
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"


def test_nobody_can_write_to_the_root(release):
    for pod in release.pods():
        for folder in ("", "etc/", "usr/bin/"):
            with pytest.raises(OSError) as refused:
                (Path("/proc") / str(pid_of(release, pod)) / "root" / folder / "file").touch()
            assert refused.value.errno == errno.EROFS


# The namespace enforces "restricted" since before the chart was installed; here, that it really does.
def test_the_namespace_that_took_them_refuses_a_pod_of_less_restriction(release):
    admin, path = release.bed.server.admin, f"/api/v1/namespaces/{NAMESPACE}/pods"
    taken = admin.get(f"{path}/{release.pods()[0].name}")
    kept = ("containers", "securityContext", "volumes")
    pod = {"metadata": {"name": "other"}, "spec": {key: taken["spec"][key] for key in kept}}
    admin.request("POST", path, pod, dryRun="All")
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(Refused) as refused:
        admin.request("POST", path, pod, dryRun="All")
    assert refused.value.status == 403
    assert re.search(r'violates PodSecurity "restricted:\S+": allowPrivilegeEscalation', str(refused.value))
