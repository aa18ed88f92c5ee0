"""Hosts that are addresses of this machine's loopback network, as pods are: an address each, one port for all.

No namespace, no root, no faults of wires; for those see network.py. What runs there is reached from everywhere on this
machine. Tests may run at once, since each Loopback has a port of its own.

Flow: PgCluster(network=Loopback()) -> cluster.backends[0].address == "127.0.1.1:<port>".
"""
from .network import Host
from .wait import free_port

ADDRESSES_MAX = 254


class Loopback:
    subnet = "127.0.0.0/8"  # The kernel's choice of a source address there is 127.0.0.1.

    def __init__(self):
        self.port = free_port()
        self.hosts = {}

    def add(self, name: str) -> Host:
        assert name not in self.hosts and len(self.hosts) < ADDRESSES_MAX, name
        host = Host(name, f"127.0.1.{len(self.hosts) + 1}")
        self.hosts[name] = host
        return host


__all__ = ["Loopback"]
