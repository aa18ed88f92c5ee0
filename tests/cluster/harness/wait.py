"""Waiting for a condition with a deadline; ports nobody else uses."""
import random
import socket
import time


def wait_until(condition, timeout: float = 10, what: str = "the condition", every: float = 0.02):
    """Returns the first true value of condition(); an exception counts as not yet."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except Exception as error:  # pylint: disable=broad-except
            last = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s for {what}; last: {last!r}")
        time.sleep(every)


_given = set()


def free_port() -> int:
    """A port below the kernel's range for outgoing connections (32768 and up), so that none can take it."""
    while True:
        port = random.randint(20000, 32000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
