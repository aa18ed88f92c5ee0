"""docs/kubernetes.md from its first line to its last, as a reader types it.

The Cluster is as the guide leaves it: it has no role for the probe. These tests are the last of this folder, since they
begin by taking pgsteer away.
"""
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from harness.backend import PSQL
from harness.network import Network
from harness.processes import run
from harness.wait import wait_until
from kube_api.dry_run import definitions
from testbed.cnpg import APP, CLUSTER, NAMESPACE
from testbed.release import IMAGE, NAME

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kubernetes.md"
OUTER_ADDRESS = "198.51.100.6"  # Of a cloud's load balancer: RFC 5737, for documentation.
BLOCK = re.compile(r"(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)\n```\n", re.DOTALL)
COMMAND_SECONDS_MAX = 400
AFTER_SECONDS_MAX = 180
LOGINS = 3
MONITORING = ("monitoring.coreos.com_podmonitors", "azmonitoring.coreos.com_podmonitors",
              "monitoring.coreos.com_prometheusrules")
# Why a block of the page is not run here.
NOT_RUN = ("not run: Azure", "not run: the image is made by tests/machine/build_image")


class Terminal:
    """A shell that keeps its variables; the first command that fails ends it."""

    END = "the command has ended"

    def __init__(self, folder: Path, environment: dict):
        self._process = subprocess.Popen(
            ["bash", "--norc", "-euo", "pipefail"], text=True, cwd=folder, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def run(self, text: str) -> str:
        """What it prints. AssertionError if it fails."""
        self._process.stdin.write(f"{text}\necho; echo {self.END}\n")
        self._process.stdin.flush()
        printed = []
        for line in self._process.stdout:
            if line == f"{self.END}\n":
                return "".join(printed)
            printed.append(line)
        raise AssertionError(f"{text}\nfailed: {''.join(printed)}")

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(COMMAND_SECONDS_MAX)
        self._process.stdout.close()


class Running:
    """A command that goes on by itself, in a shell of its own."""

    def __init__(self, text: str, folder: Path, environment: dict):
        self.lines = []
        self._process = subprocess.Popen(["bash", "--norc", "-c", text], text=True, cwd=folder, env=environment,
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         start_new_session=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self.lines.append(line.strip())

    def stop(self) -> None:
        os.killpg(self._process.pid, 9)
        self._process.wait()
        self._thread.join()


@pytest.fixture
def reader():
    """Somebody outside of the machine, whose way to the load balancer's address is by it."""
    with Network() as network:
        made = network.add("home")
        made.run(["ip", "route", "add", OUTER_ADDRESS, "via", network.here.address])
        yield made


@pytest.fixture
def cluster_of_the_guide(bed, helm) -> None:
    """No pgsteer, and no role for its probe."""
    cnpg = bed.cnpg
    subprocess.run([helm, "uninstall", NAME, "--namespace", NAMESPACE, "--ignore-not-found", "--wait"], check=True,
                   env={**os.environ, "KUBECONFIG": str(bed.kubeconfig)})
    cnpg.kubectl("-n", NAMESPACE, "patch", "cluster", CLUSTER, "--type=merge", "--patch",
                 '{"spec": {"managed": {"roles": []}}}')
    cnpg.kubectl("-n", NAMESPACE, "delete", "secret", "pgsteer-probe")
    cnpg.psql(cnpg.primary(), "postgres", "drop role pgsteer")
    for name in MONITORING:
        cnpg.kubectl("apply", "--server-side", "-f", definitions() / f"{name}.yaml")
    # The one client of the page is no pgsteer.
    cnpg.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce-")


@pytest.fixture
def desk(bed, helm, reader, tmp_path) -> tuple:
    """Where the reader sits: a folder with a checkout, and an environment with kubectl, helm and psql."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, program in (("kubectl", bed.programs.rest / "kubectl"), ("helm", helm)):
        (programs / name).symlink_to(program)
    psql = programs / "psql"
    psql.write_text(f'#!/bin/sh\nexec ip netns exec {reader.namespace} {PSQL} "$@"\n')
    psql.chmod(0o755)
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    return tmp_path, {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "LC_ALL": "C",
                      "KUBECONFIG": str(bed.kubeconfig), "PGPASSWORD": APP["password"], "PGCONNECT_TIMEOUT": "90"}


def assert_printed(block: str, printed: str) -> None:
    lines = [line.strip() for line in printed.splitlines()]
    for words in re.findall(r"# prints (.*)$", block, re.MULTILINE):
        assert words in lines, f"{block}\nprinted: {printed}"


def run_until_it_works(text: str, folder: Path, environment: dict, variables: str) -> str:
    """In shells of their own, since a command that fails ends its shell."""
    printed = []

    def works() -> bool:
        terminal = Terminal(folder, environment)
        try:
            printed[:] = [terminal.run(f"{variables}\n{text}")]
        except AssertionError as failed:
            printed[:] = [str(failed)]
            return False
        finally:
            terminal.close()
        return True

    wait_until(works, AFTER_SECONDS_MAX, f"this to work: {text}", every=1)
    return printed[0]


class Walk:
    """The page's blocks, one after the other."""

    def __init__(self, bed, reader, desk: tuple):
        self._bed, self._reader, self._desk = bed, reader, desk
        self._terminal = Terminal(*desk)
        self._variables = []
        self.running = None

    def take(self, note: str, text: str) -> None:
        # What is the reader's own.
        text = re.sub(r"^(export MY_PUBLIC_CLIENT_IP)=.*$", rf"\1={self._reader.address}", text, flags=re.MULTILINE)
        self._variables += re.findall(r"^export .*$", text, re.MULTILINE)
        if note == "goes on":
            self.running = Running("\n".join([*self._variables, text]), *self._desk)
            self._wait_logins()
        elif note == "after a while":
            assert_printed(text, run_until_it_works(text, *self._desk, "\n".join(self._variables)))
        else:
            assert note == "", f"an unknown note: {note}"
            assert_printed(text, self._terminal.run(text))
            if "helm install" in text:
                self._name_the_service()
            elif "type: LoadBalancer" in text:
                self._be_the_cloud()
            elif "delete pod --grace-period" in text:
                self._wait_failover()

    def _name_the_service(self) -> None:
        """As a cluster's DNS does."""
        services = self._bed.server.admin.get(f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}")
        self._bed.machine.name(f"{NAME}.{NAMESPACE}.svc", services["spec"]["clusterIP"])

    def _be_the_cloud(self) -> None:
        """The next block makes a Service of type LoadBalancer, and waits for its address."""
        self._cloud = threading.Thread(target=self._give_address, daemon=True)
        self._cloud.start()

    def _give_address(self) -> None:
        services = f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}"
        admin = self._bed.server.admin
        wait_until(lambda: admin.get(services)["spec"]["type"] == "LoadBalancer", COMMAND_SECONDS_MAX, "the Service")
        admin.patch(f"{services}/status", {"status": {"loadBalancer": {"ingress": [{"ip": OUTER_ADDRESS}]}}})

    def _wait_logins(self) -> None:
        wait_until(lambda: len(self.running.lines) >= LOGINS, COMMAND_SECONDS_MAX, "the client's first logins")

    def _wait_failover(self) -> None:
        """Every login of the client's is on a primary, and the last ones are on another one."""
        def addresses() -> list:
            return [line.split("|")[1] for line in list(self.running.lines)]

        first = addresses()[0]
        wait_until(lambda: addresses()[-1] != first, COMMAND_SECONDS_MAX, "the client to be on the new primary")
        assert all(line.endswith("|f") for line in self.running.lines), self.running.lines

    def close(self) -> None:
        if self.running:
            self.running.stop()
        self._terminal.close()


def test_page_leads_to_psql_on_both_ports_and_through_a_failover(bed, cluster_of_the_guide, reader, desk):
    # pylint: disable=unused-argument
    run(bed.machine.ctr("images", "tag", IMAGE, "example.azurecr.io/pgsteer:0.1.0"))
    blocks = [(match["note"] or "", match["language"], match["text"]) for match in BLOCK.finditer(PAGE.read_text())]
    assert len(blocks) >= 15, "the page's blocks are written in another way"
    walk = Walk(bed, reader, desk)
    try:
        for note, language, text in blocks:
            if language == "bash":
                walk.take(note, text)
            else:
                assert note in NOT_RUN, f"neither run nor said why not: {text}"
    finally:
        walk.close()
    assert walk.running, "the page has no failover"
