"""Through the chart's Service, as applications come."""
import os
import subprocess
import threading

import psycopg2
import pytest

from harness.backend import PSQL
from harness.network import Network
from harness.queries import ask
from harness.wait import wait_until
from harness.wire import PgError, WireClient, cancel_packet
from testbed.cnpg import APP
from testbed.release import RO_PORT, RW_PORT

OUTER_ADDRESS = "198.51.100.5"  # Of a cloud's load balancer: RFC 5737, for documentation.
# Nothing answers who is not let in. Ten times what a busy machine needs for a login.
SHUT_OUT_SECONDS = 10
CONNECT_SECONDS_MAX = 90  # Longer than a login is held.
CANCELS = 20


def psql(host: str, port: int, before: tuple = (), connect_seconds: int = CONNECT_SECONDS_MAX):
    conninfo = f"host={host} port={port} user={APP['user']} dbname={APP['dbname']} connect_timeout={connect_seconds}"
    question = "select pg_is_in_recovery(), host(inet_server_addr())"
    return subprocess.run([*before, PSQL, "-X", "-A", "-t", conninfo, "-c", question], text=True, check=False,
                          env={**os.environ, "PGPASSWORD": APP["password"], "LC_ALL": "C"}, capture_output=True,
                          timeout=2 * CONNECT_SECONDS_MAX)


def addresses(bed, pods: list) -> set:
    return {pod["status"]["podIP"] for pod in bed.cnpg.pods() if pod["metadata"]["name"] in pods}


def test_rw_is_the_primary_and_ro_a_standby(bed, release):
    primary, standbys = addresses(bed, [bed.cnpg.primary()]), addresses(bed, bed.cnpg.standbys())
    for port, words, instances in ((RW_PORT, "f", primary), (RO_PORT, "t", standbys)):
        seen = set()
        while seen != instances:
            done = psql(release.address(), port)
            assert done.returncode == 0, done.stderr
            is_in_recovery, _, address = done.stdout.strip().partition("|")
            assert is_in_recovery == words and address in instances
            seen.add(address)


@pytest.fixture
def strangers():
    """Two clients outside of the machine; their way to the load balancer's address is by it."""
    with Network() as network:
        made = [network.add(name) for name in ("home", "abroad")]
        for one in made:
            one.run(["ip", "route", "add", OUTER_ADDRESS, "via", network.here.address])
        yield made


def is_client(release, address: str) -> bool:
    """Whether a session of this address has ended, by the logs."""
    return any(f'"client":"{address}:' in release.kubectl("logs", pod.name) for pod in release.pods())


# A database that is open to the world by one forgotten line; kube-proxy keeps these ranges where the cloud does not.
def test_source_ranges_let_in_nobody_else(release, strangers):
    def knock(who, seconds: int):
        return psql(OUTER_ADDRESS, RW_PORT, ("ip", "netns", "exec", who.namespace), seconds)

    def open_for(one) -> None:
        release.upgrade({"service": {"type": "LoadBalancer", "externalTrafficPolicy": "Local",
                                     "loadBalancerSourceRanges": [f"{one.address}/32"]}})
        release.give_outer_address(OUTER_ADDRESS)

    try:
        for inside, outside in (strangers, strangers[::-1]):
            open_for(inside)
            wait_until(lambda who=inside: knock(who, SHUT_OUT_SECONDS).returncode == 0, what="the one inside to get in")
            refused = knock(outside, SHUT_OUT_SECONDS)
            assert refused.returncode != 0 and "timeout expired" in refused.stderr, refused.stdout + refused.stderr
            # Local: pgsteer knows its clients' own addresses.
            wait_until(lambda who=inside: is_client(release, who.address), what=f"{inside.address} in a pgsteer's log")
    finally:
        release.upgrade({})


def send_cancel_to(address: str, port: int, session: WireClient) -> None:
    with WireClient(port, host=address) as client:
        client.socket.sendall(cancel_packet(session.pid, session.key))
        client.read_to_end()


def sleep_in(bed, session: WireClient, instance: str) -> None:
    """Until its statement runs: a cancel request that comes before is lost."""
    session.send_query("select pg_sleep(600)")
    query = f"select count(*) from pg_stat_activity where pid = {session.pid} and wait_event = 'PgSleep'"
    wait_until(lambda: bed.cnpg.psql(instance, "postgres", query).strip() == "1", what="a sleeping session", every=0.1)


# A Service sends a cancel request, which comes by a connection of its own, to any of its pods.
@pytest.mark.parametrize("port", [RW_PORT, RO_PORT])
def test_a_cancel_request_works_through_the_pgsteer_that_does_not_know_the_session(bed, release, port):
    names = {address: pod["metadata"]["name"] for pod in bed.cnpg.pods() for address in [pod["status"]["podIP"]]}
    here, there = release.pods()
    for mine, other in ((here, there), (there, here)):
        with WireClient(port, host=mine.address).login(APP["user"], APP["password"], APP["dbname"]) as session:
            instance = names[session.query("select host(inet_server_addr())")[0][0]]
            sleep_in(bed, session, instance)
            send_cancel_to(other.address, port, session)
            with pytest.raises(PgError) as cancelled:
                session.read_result()
            assert cancelled.value.code == "57014"


class SleepingSession:
    """One of a driver, through the Service, in a thread of its own."""

    NAME = "sleeping"  # As PostgreSQL knows it.

    def __init__(self, address: str, sslmode: str):
        self.connection = psycopg2.connect(host=address, port=RW_PORT, sslmode=sslmode, application_name=self.NAME,
                                           connect_timeout=CONNECT_SECONDS_MAX, **APP)
        self.error = None
        self._thread = threading.Thread(target=self._sleep, daemon=True)
        self._thread.start()

    def _sleep(self) -> None:
        try:
            ask(self.connection, "select pg_sleep(600)")
        except psycopg2.Error as error:
            self.error = error

    def is_over(self) -> bool:
        return not self._thread.is_alive()


# Of encrypted sessions no pgsteer knows the key.
def test_a_drivers_cancel_requests_work_through_the_service(bed, release):
    sessions = [SleepingSession(release.address(), ("disable", "require")[number % 2]) for number in range(CANCELS)]
    query = ("select count(*) from pg_stat_activity where wait_event = 'PgSleep' and application_name = "
             f"'{SleepingSession.NAME}'")
    wait_until(lambda: bed.cnpg.psql(bed.cnpg.primary(), "postgres", query).strip() == str(CANCELS),
               what=f"{CANCELS} sleeping sessions", every=0.2)
    for session in sessions:
        session.connection.cancel()
    wait_until(lambda: all(session.is_over() for session in sessions), what="every session to be cancelled")
    for session in sessions:
        assert isinstance(session.error, psycopg2.errors.QueryCanceled), session.error
        session.connection.close()


# The operator promotes a standby; whoever logs in meanwhile waits.
def test_after_the_primarys_pod_is_deleted_the_next_login_is_on_the_new_primary(bed, release):
    old, old_address = bed.cnpg.primary(), addresses(bed, [bed.cnpg.primary()])
    bed.cnpg.delete(old)
    wait_until(lambda: bed.cnpg.status()["targetPrimary"] != old, what="the operator to choose another primary")
    done = psql(release.address(), RW_PORT)
    assert done.returncode == 0, done.stderr
    is_in_recovery, _, address = done.stdout.strip().partition("|")
    assert is_in_recovery == "f" and address not in old_address
    wait_until(lambda: bed.cnpg.primary() != old, what="the operator to say so")
    assert address in addresses(bed, [bed.cnpg.primary()])
    bed.cnpg.heal(bed.folder / "logs")
