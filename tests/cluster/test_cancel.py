"""Cancel requests: a new connection must find the one backend that holds the session, in any pgsteer."""
import os
import random
import select
import threading

import pytest

from harness.queries import ask
from harness.wait import wait_until
from harness.wire import PgError, WireClient, send_cancel

CANCELS = int(os.environ.get("PGSTEER_CANCELS", "1000"))
BATCH = 50


def in_threads(work, items) -> list:
    """work(item) for each, all at once; the first exception is raised here."""
    results, errors = [None] * len(items), []

    def call(i: int, item) -> None:
        try:
            results[i] = work(item)
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=call, args=pair) for pair in enumerate(items)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def sleeping(cluster, port: int) -> WireClient:
    client = WireClient(port).login("app", cluster.app_password, "appdb")
    client.send_query("select pg_sleep(600)")
    return client


def wait_asleep(cluster, count: int) -> None:
    """A cancel that comes before its query has begun is lost, with PostgreSQL itself as with a proxy."""
    query = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
    wait_until(lambda: sum(int(b.sql(query)) for b in cluster.backends) == count, what=f"{count} sleeping sessions")


def assert_cancelled(client: WireClient) -> None:
    with pytest.raises(PgError) as error:
        client.read_result()
    assert error.value.code == "57014", error.value


# With two standbys behind one name a cancel sent "somewhere" hits the right one half of the time; with two
# proxies behind one Service the other one never saw the session. Both ended with queries that cannot be stopped
# and, worse, with a stranger's query stopped.
def test_every_cancel_hits_its_own_session_through_two_instances(cluster, run_pgsteer):
    instances = [run_pgsteer(cluster), run_pgsteer(cluster)]
    rng = random.Random(20260)
    for _ in range(0, CANCELS, BATCH):
        homes = [instances[i % 2] for i in range(BATCH)]
        clients = in_threads(lambda home: sleeping(cluster, home.ro_port), homes)
        wait_asleep(cluster, BATCH)
        order = list(range(BATCH))
        rng.shuffle(order)
        first, second = order[: BATCH // 2], order[BATCH // 2 :]
        # Half of each half goes through the instance that never saw the session.
        through = {i: instances[(i + (i // 2)) % 2].ro_port for i in order}
        in_threads(lambda i: send_cancel(through[i], clients[i].pid, clients[i].key), first)
        in_threads(lambda i: assert_cancelled(clients[i]), first)
        hit, _, _ = select.select([clients[i].socket for i in second], [], [], 0)
        assert not hit, f"{len(hit)} sessions were cancelled by somebody else's request"
        in_threads(lambda i: send_cancel(through[i], clients[i].pid, clients[i].key), second)
        in_threads(lambda i: assert_cancelled(clients[i]), second)
        for client in clients:
            assert client.query("select 1") == [["1"]]
            client.close()


def test_cancel_on_rw_by_libpq(cluster, proxy, connect):
    connection = connect(proxy.rw_port)

    def cancel() -> None:
        wait_asleep(cluster, 1)
        connection.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(Exception) as error:
        ask(connection, "select pg_sleep(600)")
    thread.join()
    assert error.value.pgcode == "57014"
    assert ask(connection, "select 1") == 1


# A wrong key must neither stop anybody nor leave a connection behind.
def test_wrong_key_cancels_nobody(cluster, proxy):
    client = sleeping(cluster, proxy.ro_port)
    wait_asleep(cluster, 1)
    for key in (b"\0\0\0\0", bytes(255 - b for b in client.key)):
        send_cancel(proxy.ro_port, client.pid, key)
    send_cancel(proxy.ro_port, client.pid + 1, client.key)
    hit, _, _ = select.select([client.socket], [], [], 1)
    assert not hit
    send_cancel(proxy.ro_port, client.pid, client.key)
    assert_cancelled(client)
    client.close()
