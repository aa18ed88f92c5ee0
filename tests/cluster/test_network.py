"""The harness itself: a fault that does nothing would make every test of the fault matrix pass."""
import os
import re
import socket
import subprocess
import time

import pytest

from harness.network import Network
from harness.processes import CommandFailed
from harness.wait import PATIENCE, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
PORT = 7000
SILENCE_SECONDS = 0.5  # What does not come in this time counts as lost; what must come may take PATIENCE.
ECHO = """
import socket, sys, threading
def serve(client):
    while data := client.recv(4096):
        client.sendall(data)
def datagrams(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(address)
        while True:
            udp.sendto(*udp.recvfrom(4096))
address = (sys.argv[1], int(sys.argv[2]))
threading.Thread(target=datagrams, args=[address], daemon=True).start()
with socket.create_server(address) as listener:
    while True:
        threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
"""


class Echo:
    """Answers on one host what it is sent, by TCP and UDP."""

    def __init__(self, host):
        self.address = (host.address, PORT)
        self.process = subprocess.Popen(host.command(["/usr/bin/python3", "-c", ECHO, host.address, PORT]))
        wait_until(lambda: self.connect().close() or True, what=f"the echo on {host.name}")

    def connect(self, timeout: float = PATIENCE) -> socket.socket:
        return socket.create_connection(self.address, timeout)

    def lost_datagrams(self, count: int) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            answered = 0
            for batch in range(count // 250):
                for _ in range(250):
                    udp.sendto(b"x", self.address)
                answered += self._answered(udp, b"end %d" % batch)
        return count - answered

    def _answered(self, udp: socket.socket, end: bytes) -> int:
        """How many answers came: all are here soon after that to an end mark, which is sent until it gets through."""
        answered, is_ended = 0, False
        udp.settimeout(SILENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                data = udp.recv(16)
                answered += data == b"x"
                is_ended = is_ended or data == end
            except TimeoutError:
                if is_ended:
                    return answered
                udp.sendto(end, self.address)
        raise TimeoutError("the echo is silent")


def answers(client: socket.socket) -> bool:
    client.sendall(b"x")
    return client.recv(1) == b"x"


def bytes_unacknowledged(host, client_port: int) -> int:
    """What the host has sent to this port of a client that has not confirmed it."""
    line = host.run(["ss", "-Htn", "state", "established", "dport", "=", client_port])
    return int(line.split()[1])


@pytest.fixture(scope="module")
def whole_network():
    with Network() as network:
        network.add("left")
        network.add("right")
        yield network


@pytest.fixture
def network(whole_network):
    whole_network.heal()
    return whole_network


@pytest.fixture(scope="module")
def right(whole_network):
    echo = Echo(whole_network.hosts["right"])
    yield echo
    echo.process.kill()
    echo.process.wait()


# A drop answers nothing, neither to a new connection nor on an open one; an open one survives it.
def test_blackhole_drops_and_heals(network, right):
    with right.connect() as open_before:
        assert answers(open_before)
        network.blackhole(network.here, network.hosts["right"])
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            right.connect(SILENCE_SECONDS)
        assert time.monotonic() - started >= SILENCE_SECONDS
        open_before.settimeout(SILENCE_SECONDS)
        with pytest.raises(TimeoutError):
            answers(open_before)
        network.heal()
        open_before.settimeout(PATIENCE)
        assert open_before.recv(1) == b"x"  # The retransmission of what was sent into the hole.
    right.connect().close()


# Half a partition: requests arrive and are answered, the answers are lost.
def test_one_way_blackhole_lets_the_other_direction_through(network, right):
    with right.connect() as client:
        network.blackhole(network.hosts["right"], network.here, one_way=True)
        client.settimeout(SILENCE_SECONDS)
        with pytest.raises(TimeoutError):
            answers(client)
        assert bytes_unacknowledged(network.hosts["right"], client.getsockname()[1]) == 1
        network.heal()
        client.settimeout(PATIENCE)
        assert client.recv(1) == b"x"


# A closed port answers at once: a different fault from silence, and another branch in every program.
def test_refuse_resets_new_and_open_connections(network, right):
    with right.connect() as open_before:
        network.refuse(network.here, network.hosts["right"])
        with pytest.raises(ConnectionRefusedError):
            right.connect()
        with pytest.raises(ConnectionResetError):
            answers(open_before)
    network.heal()
    right.connect().close()


# Only the pair that was named suffers.
def test_faults_hit_only_their_pair(network, right):
    network.blackhole(network.hosts["left"], network.hosts["right"])
    right.connect().close()
    assert network.hosts["left"].run(["true"]) == ""
    with pytest.raises(CommandFailed, match="TimeoutError"):
        network.hosts["left"].run(_connect_command(right, SILENCE_SECONDS))
    network.heal(network.hosts["left"])
    network.hosts["left"].run(_connect_command(right, PATIENCE))


def _connect_command(echo: Echo, timeout: float) -> list:
    return ["/usr/bin/python3", "-c", f"import socket; socket.create_connection({echo.address!r}, {timeout})"]


# The rates are the kernel's dice: 2,000 datagrams put 20 % within five standard deviations of 0.9 % each.
def test_loss_loses_about_its_share(network, right):
    assert right.lost_datagrams(500) == 0
    network.loss(20, network.here, network.hosts["right"], one_way=True)
    lost = right.lost_datagrams(2000)
    assert 0.155 <= lost / 2000 <= 0.245, f"{lost} of 2000"


# A test run that was killed must not leave the machine changed for the next.
def test_close_removes_everything_even_with_processes_inside():
    network = Network()
    host = network.add("busy")
    sleeper = subprocess.Popen(host.command(["sleep", "600"]))
    wait_until(host.pids, what="the sleeper to be inside")
    prefix = network.prefix
    with network.lock.dup():  # Or a test that runs beside this one could take the number at once.
        assert _is_on_machine(prefix)
        network.close()
        assert sleeper.wait(PATIENCE) is not None
        assert not _is_on_machine(prefix)
        network.close()


def _is_on_machine(prefix: str) -> bool:
    listed = subprocess.run("ip netns list; ip link; ip route", shell=True, text=True, capture_output=True, check=True)
    return re.search(rf"\b{prefix}\b", listed.stdout) is not None
