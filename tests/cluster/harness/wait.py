"""Waiting for a condition with a deadline; names and ports nobody else uses."""
import random
import socket
import time

# In seconds. A bound against hanging, never a measure: what is waited for comes in milliseconds, on a busy machine in
# seconds. Tests assert what happened and in which order; how long it took is for bench/ and scripts/soak.
PATIENCE = 60


def wait_until(condition, timeout: float = PATIENCE, what: str = "the condition", every: float = 0.02):
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


def claim(name: str):
    """The lock of that name on this machine, None if another process has it: an abstract socket, which ends with its
    process, however that ends."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0pgsteer-test-{name}")
    except OSError:
        lock.close()
        return None
    return lock


_claims = []  # One abstract socket per port, for as long as this process lives: tests run at once.


def free_port() -> int:
    """A port below the kernel's range for outgoing connections (32768 and up), so that none can take it. It stays this
    process's own while nobody listens there, as between a backend's death and its return."""
    while True:
        port = random.randint(20000, 32000)
        lock = claim(f"port-{port}")
        if lock is None:
            continue
        if is_free(port):
            _claims.append(lock)
            return port
        lock.close()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
