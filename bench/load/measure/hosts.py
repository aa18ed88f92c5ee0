"""Where client, proxy and backend run: on which hosts, on which cores, and with how many workers. Needs root.

In a network each has a namespace of its own, with one veth cable between any two: no switch, no rule, so that nothing
is measured but two stacks and a wire. The client's own cable to the backend carries the direct sessions.
"""
import os
from dataclasses import dataclass

from harness import processes
from harness.network import Host

PREFIX = "pgload"
# Between two namespaces a session's port is free again after a second instead of a minute, and there are more of
# them: new sessions come faster than 28,000 a minute. Ports that are listened on lie below.
SYSCTLS = {"net.ipv4.tcp_tw_reuse": "1", "net.ipv4.ip_local_port_range": "10000 65000"}


@dataclass(frozen=True)
class Placement:
    name: str
    title: str
    is_in_network: bool
    cores: int        # that all three share
    workers: int = 1  # of the proxy


PLACEMENTS = {p.name: p for p in (
    Placement("one-core", "veth, client, proxy and backend pinned to one core", True, 1),
    Placement("two-cores", "veth, free on two cores", True, 2),
    Placement("two-workers", "veth, free on two cores, two workers", True, 2, workers=2),
    Placement("loopback", "loopback, free on two cores", False, 2),
    Placement("loopback-one-core", "loopback, client, proxy and backend pinned to one core", False, 1))}


DEFAULT_PLACEMENTS = ["one-core", "two-cores", "two-workers", "loopback"]


class PinnedHost(Host):
    def __init__(self, name: str, address: str, namespace: str, cores: list):
        super().__init__(name, address, namespace)
        self.cores = ",".join(str(core) for core in cores)

    def command(self, words: list, as_postgres: bool = False, dies_with_parent: str = "keep") -> list:
        return ["taskset", "-c", self.cores] + super().command(words, as_postgres, dies_with_parent)


class Hosts:
    """Flow: with Hosts(placement) as hosts -> hosts.client, hosts.proxy, hosts.backend."""

    def __init__(self, placement: Placement):
        self.placement = placement
        self.prefix = f"{PREFIX}-{os.getpid()}"
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < placement.cores:
            raise RuntimeError(f"{placement.name} needs {placement.cores} cores")
        self.cores = allowed[-placement.cores:]
        # What PgCluster asks of a network.
        self.subnet = "10.0.0.0/8" if placement.is_in_network else "127.0.0.1/32"
        self.client, self.proxy, self.backend = (
            self._host(name, address) for name, address in
            (("client", "10.0.1.1"), ("proxy", "10.0.1.2"), ("backend", "10.0.2.2")))

    def _host(self, name: str, address: str) -> PinnedHost:
        if self.placement.is_in_network:
            return PinnedHost(name, address, f"{self.prefix}-{name}", self.cores)
        return PinnedHost(name, "127.0.0.1", None, self.cores)

    def add(self, name: str) -> PinnedHost:
        """For PgCluster: its one backend's host."""
        assert name == "backend0", name
        return self.backend

    def __enter__(self):
        _remove_abandoned()
        if self.placement.is_in_network:
            try:
                self._build()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(self, *unused) -> None:
        self.close()

    def _build(self) -> None:
        for host in (self.client, self.proxy, self.backend):
            _ip("netns", "add", host.namespace)
            _ip("-n", host.namespace, "link", "set", "lo", "up")
            for key, value in SYSCTLS.items():
                processes.run(["ip", "netns", "exec", host.namespace, "sysctl", "-q", "-w", f"{key}={value}"])
        self._plug(self.client, "10.0.1.1", self.proxy, "10.0.1.2")
        self._plug(self.proxy, "10.0.2.1", self.backend, "10.0.2.2")
        self._plug(self.client, "10.0.3.1", self.backend, "10.0.3.2")
        _ip("-n", self.client.namespace, "route", "add", "10.0.2.2", "via", "10.0.3.2")

    @staticmethod
    def _plug(a: Host, a_address: str, b: Host, b_address: str) -> None:
        """Each end of the cable is named after the other."""
        _ip("link", "add", b.name, "netns", a.namespace, "type", "veth", "peer", "name", a.name, "netns", b.namespace)
        for host, other, address in ((a, b, a_address), (b, a, b_address)):
            _ip("-n", host.namespace, "address", "add", f"{address}/24", "dev", other.name)
            _ip("-n", host.namespace, "link", "set", "dev", other.name, "up")

    def close(self) -> None:
        if self.placement.is_in_network:
            _remove(self.prefix)


def _ip(*words) -> str:
    return processes.run(["ip", *words])


def _namespaces(prefix: str) -> list:
    return [line.split()[0] for line in _ip("netns", "list").splitlines() if line.startswith(prefix + "-")]


def _remove(prefix: str) -> None:
    """The namespaces and whatever still runs in them."""
    for namespace in _namespaces(prefix):
        pids = [int(pid) for pid in _ip("netns", "pids", namespace).split()]
        processes.send(pids, 9)
        processes.wait_gone(pids)
        _ip("netns", "del", namespace)


def _remove_abandoned() -> None:
    """What a killed run has left."""
    for owner in {namespace.split("-")[1] for namespace in _namespaces(PREFIX)}:
        if not processes.is_alive(int(owner)):
            _remove(f"{PREFIX}-{owner}")
