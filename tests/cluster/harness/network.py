"""Hosts as network namespaces on one switch, and the faults of the wires between them. Needs root.

The switch is a bridge in a namespace of its own; every host, and the namespace the tests run in (network.here), has
one cable to it. Faults are nftables rules at the switch's end of the cables, so a host's own kernel notices nothing:
to its TCP a dropped packet is lost on the way. Nothing of the machine's own network is touched but one interface and
its /24 route, which go with the Network.

Flow: with Network() as network -> a = network.add("a") -> a.run([...]) or Popen(a.command([...])) ->
network.blackhole(a, b), refuse, loss -> network.heal(). Leaving the block removes everything, processes inside the
namespaces included; what a killed run has left is removed by the next one.
"""
import atexit
import ctypes
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import threading
from pathlib import Path

from . import processes, wait

CLONE_NEWNET = 0x40000000  # setns(2)
NETWORKS_MAX = 64  # Of this machine at one time: one /24 each, 10.213.0.0 to 10.213.63.0.


class Host:
    def __init__(self, name: str, address: str, namespace: str = None):
        """namespace: None for the one the tests run in."""
        self.name = name
        self.address = address
        self.namespace = namespace

    def command(self, words: list, as_postgres: bool = False, dies_with_parent: str = "keep") -> list:
        """The same command inside this host. It becomes the process itself: a pid seen outside is the program's.

        dies_with_parent: the signal it gets when its parent ends, such as "KILL"; a preexec_fn cannot arrange that
        for a program that changes its user.
        """
        words = [str(word) for word in words]
        if as_postgres and processes.AS_POSTGRES:
            words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                     f"--pdeathsig={dies_with_parent}", "--", *words]
        elif dies_with_parent != "keep":
            words = ["setpriv", f"--pdeathsig={dies_with_parent}", "--", *words]
        return (["ip", "netns", "exec", self.namespace] if self.namespace else []) + words

    def run(self, words: list, as_postgres: bool = False, timeout: float = 300, **options) -> str:
        return processes.run(self.command(words, as_postgres), timeout=timeout, **options)

    def open_socket(self, kind: int) -> socket.socket:
        """An IPv4 socket on this host, for use by the calling process where it is."""
        opened = []
        thread = threading.Thread(target=lambda: opened.append(_socket_inside(self.namespace, kind)))
        thread.start()
        thread.join()
        return opened[0]

    def write_etc(self, file_name: str, text: str) -> None:
        """What programs started later find as /etc/<file_name>, for example resolv.conf."""
        folder = Path("/etc/netns") / self.namespace
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file_name).write_text(text)

    def pids(self) -> list:
        """Of every process inside."""
        return _pids_in(self.namespace)


class Network:
    port = 5432  # PostgreSQL's usual one: nobody else is on these hosts.

    def __init__(self):
        if os.geteuid() != 0:
            raise PermissionError("network namespaces need root")
        self.lock, self.number = _claim()
        self.prefix = f"pgs{self.number}"
        self.subnet = ipaddress.ip_network(f"10.213.{self.number}.0/24")
        self.switch = f"{self.prefix}-switch"
        self.hosts = {}
        self._faults = {}  # (from, to) -> the rule's action, by host names
        atexit.register(self.close)
        try:
            self._plug_in_switch()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        self.close()

    def _plug_in_switch(self) -> None:
        _ip("netns", "add", self.switch)
        _ip("-n", self.switch, "link", "add", "bridge", "type", "bridge", "forward_delay", 0, "mcast_snooping", 0)
        _ip("-n", self.switch, "link", "set", "dev", "bridge", "up")
        self.here = Host("here", self._next_address())
        self.hosts["here"] = self.here
        _ip("link", "add", self.prefix, "type", "veth", "peer", "name", "here", "netns", self.switch)
        self._plug_in(self.here, self.prefix)

    def add(self, name: str) -> Host:
        assert name not in self.hosts and re.fullmatch(r"[a-z0-9]{1,12}", name), name
        host = Host(name, self._next_address(), f"{self.prefix}-{name}")
        _ip("netns", "add", host.namespace)
        self.hosts[name] = host
        _ip("link", "add", "eth0", "netns", host.namespace, "type", "veth", "peer", "name", name, "netns", self.switch)
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        self._plug_in(host, "eth0")
        return host

    def _plug_in(self, host: Host, interface: str) -> None:
        inside = ["-n", host.namespace] if host.namespace else []
        _ip(*inside, "link", "set", "dev", interface, "addrgenmode", "none")
        _ip(*inside, "address", "add", f"{host.address}/{self.subnet.prefixlen}", "dev", interface)
        _ip(*inside, "link", "set", "dev", interface, "up")
        # tidy: allow master - ip's word
        _ip("-n", self.switch, "link", "set", "dev", host.name, "master", "bridge", "up")

    def _next_address(self) -> str:
        return str(self.subnet[len(self.hosts) + 1])

    def blackhole(self, a: Host, b: Host = None, one_way: bool = False) -> None:
        """Every packet from a to b is lost, and back unless one_way; b left out: between a and all others."""
        self._set_fault(a, b, one_way, "drop")

    def refuse(self, a: Host, b: Host = None, one_way: bool = False) -> None:
        """Every TCP segment from a to b is answered by a reset, also on open connections."""
        self._set_fault(a, b, one_way, "meta l4proto tcp reject with tcp reset")

    def loss(self, percent: int, a: Host, b: Host = None, one_way: bool = False) -> None:
        """Each packet is lost with this probability."""
        self._set_fault(a, b, one_way, f"numgen random mod 100 < {percent} drop")

    def heal(self, a: Host = None, b: Host = None) -> None:
        """Ends the faults between a and b; of a with all others; of the whole network."""
        ended = self._pairs(a, b, one_way=False) if a else list(self._faults)
        for pair in ended:
            self._faults.pop(pair, None)
        self._write_faults()

    def _set_fault(self, a: Host, b: Host, one_way: bool, action: str) -> None:
        self._faults.update({pair: action for pair in self._pairs(a, b, one_way)})
        self._write_faults()

    def _pairs(self, a: Host, b: Host, one_way: bool) -> list:
        others = [b] if b else [host for host in self.hosts.values() if host is not a]
        there = [(a.name, other.name) for other in others]
        return there if one_way else there + [(to, start) for start, to in there]

    def _write_faults(self) -> None:
        """All rules in one transaction: a change of faults has no moment without any."""
        chains = []
        for start in self.hosts:
            rules = [f"ip daddr {self.hosts[to].address} {action}"
                     for (from_host, to), action in self._faults.items() if from_host == start]
            if rules:
                chains.append(f"chain from_{start} {{ type filter hook ingress device {start} priority 0; "
                              + "; ".join(rules) + "; }")
        text = "\n".join(["table netdev faults", "delete table netdev faults", "table netdev faults {", *chains, "}"])
        processes.run(["ip", "netns", "exec", self.switch, "nft", "-f", "-"], input=text + "\n")

    def close(self) -> None:
        """May be called twice."""
        if self.lock is None:
            return
        _remove_all(self.prefix)
        self.lock.close()
        self.lock = None
        atexit.unregister(self.close)


def _ip(*words) -> str:
    return processes.run(["ip", *words])


def _socket_inside(namespace: str, kind: int) -> socket.socket:
    """A socket stays where it was made. Only the calling thread moves there, and it cannot come back."""
    with open(f"/run/netns/{namespace}", "rb") as folder:
        if ctypes.CDLL(None, use_errno=True).setns(folder.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    return socket.socket(socket.AF_INET, kind)


def _pids_in(namespace: str) -> list:
    return [int(pid) for pid in _ip("netns", "pids", namespace).split()]


def _claim() -> tuple:
    """A number no other network has, and its lock."""
    for number in range(NETWORKS_MAX):
        lock = wait.claim(f"network-{number}")
        if lock is None:
            continue
        _remove_all(f"pgs{number}")
        if not _is_routed(ipaddress.ip_network(f"10.213.{number}.0/24")):
            return lock, number
        lock.close()
    raise RuntimeError(f"{NETWORKS_MAX} networks run already, or the machine uses 10.213.0.0/16 itself")


def _is_routed(subnet) -> bool:
    destinations = [route["dst"] for route in json.loads(_ip("-j", "-4", "route")) if route["dst"] != "default"]
    return any(ipaddress.ip_network(destination).overlaps(subnet) for destination in destinations)


def _remove_all(prefix: str) -> None:
    namespaces = [line.split()[0] for line in _ip("netns", "list").splitlines() if line.startswith(f"{prefix}-")]
    for namespace in namespaces:
        pids = _pids_in(namespace)
        processes.send(pids, signal.SIGKILL)
        processes.wait_gone(pids)
    if any(link["ifname"] == prefix for link in json.loads(_ip("-j", "link"))):
        _ip("link", "del", prefix)
    for namespace in namespaces:
        _ip("netns", "del", namespace)
        shutil.rmtree(Path("/etc/netns") / namespace, ignore_errors=True)


__all__ = ["Host", "Network"]
