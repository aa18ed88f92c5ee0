"""Listeners on sockets that a service manager has opened: sd_listen_fds(3)."""
import socket

from harness.logins import PendingLogin
from harness.queries import ask
from harness.wait import wait_until


# Whoever comes before pgsteer does, or after it has stopped, waits and is not refused; also if it was replaced meanwhile.
def test_clients_wait_in_the_managers_socket(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    configured = proxy.rw_port
    with socket.create_server(("127.0.0.1", 0)) as rw, socket.create_server(("127.0.0.1", 0)) as unknown:
        passed = {"rw": rw, "reports": unknown}
        proxy.rw_port = rw.getsockname()[1]
        for _ in range(2):
            proxy.stop()
            early = PendingLogin(cluster.conninfo(proxy.rw_port))
            wait_until(early.is_waiting, what="a client that waits")
            proxy.start(sockets=passed)
            assert early.address() == cluster.primary.address
            proxy.wait_ready()
            assert ask(connect(proxy.ro_port), "select pg_is_in_recovery()") is True, "its own socket"
        proxy.wait_logged(f"listener rw is at 127.0.0.1:{proxy.rw_port}, and not at 127.0.0.1:{configured} as configured", 2)
        proxy.wait_logged(f"no listener is called reports, as the one at 127.0.0.1:{unknown.getsockname()[1]} is", 2)
        proxy.upgrade()
        assert ask(connect(proxy.rw_port), "select 1") == 1
        proxy.stop()
        late = PendingLogin(cluster.conninfo(proxy.rw_port))
        wait_until(late.is_waiting, what="a client that waits for the one after the next")
        proxy.start(sockets=passed)
        assert late.address() == cluster.primary.address
        proxy.stop()


# Not meant for this process, or no socket at all: pgsteer starts all the same.
def test_variables_of_somebody_else_are_ignored(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster)
    proxy.stop()
    proxy.environment = {**(proxy.environment or {}), "LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "rw"}
    proxy.start()
    proxy.wait_ready()
    assert ask(connect(proxy.rw_port), "select 1") == 1
