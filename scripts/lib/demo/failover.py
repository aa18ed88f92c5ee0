"""The failover, told as it happens: logins through rw all the while, kill -9, a promotion, the old one's return."""
import threading
import time

from harness.wait import wait_until
from harness.wire import WireClient

KILL_AFTER, PROMOTE_AFTER, WATCH_AFTER = 1.0, 1.5, 1.0  # seconds between the steps


class Logins(threading.Thread):
    """One login after the other through rw, each asking who answers."""

    def __init__(self, cluster, port: int):
        super().__init__(daemon=True)
        self.cluster, self.port = cluster, port
        self.results = []  # (start, seconds, name of the backend or the error)
        self.done = threading.Event()

    def run(self) -> None:
        names = {str(b.port): b.name for b in self.cluster.backends}
        while not self.done.is_set():
            start = time.monotonic()
            try:
                with WireClient(self.port) as client:
                    client.login("app", self.cluster.app_password, "appdb")
                    answer = names[client.query("select inet_server_port()")[0][0]]
            except Exception as error:  # pylint: disable=broad-except
                answer = f"error: {error}"
            self.results.append((start, time.monotonic() - start, answer))
            self.done.wait(0.02)

    def stop(self) -> None:
        self.done.set()
        self.join(30)


def fail_over(demo, say) -> bool:
    """True if every login was answered by the right backend. `demo` is the running Demo."""
    cluster, proxy = demo.cluster, demo.proxy
    old, old_index = cluster.primary, cluster.primary_index
    successor = next((i for i, b in enumerate(cluster.backends) if b in cluster.standbys()), None)
    if successor is None:
        say("There is no standby to promote: the last failover has not finished. Try again in a moment.")
        return False
    logins = Logins(cluster, proxy.rw_port)
    logins.start()
    time.sleep(KILL_AFTER)

    zero = time.monotonic()
    say(f"{0:+7.3f} s  kill -9 of the primary, {old.name} (port {old.port})")
    old.kill9()
    killed = time.monotonic()
    time.sleep(PROMOTE_AFTER)
    ordered = time.monotonic()
    say(f"{ordered - zero:+7.3f} s  promoting {cluster.backends[successor].name} "
        f"(port {cluster.backends[successor].port}); until now logins on rw have been held")
    cluster.promote(successor)
    try:
        wait_until(lambda: logins.results[-1][2] == cluster.primary.name, 15, "a login on the new primary", 0.005)
    except TimeoutError as error:
        say(f"FAILED: {error}")
    time.sleep(WATCH_AFTER)
    logins.stop()
    is_good = report(logins.results, killed, ordered, old.name, cluster.primary.name, say)

    say(f"Bringing {old.name} back as a standby of {cluster.primary.name} ...")
    cluster.rejoin(old_index)
    proxy.wait_standbys(len(cluster.backends) - 1)
    say(f"{old.name} takes part again, on the read-only port.\n")
    say(demo.status_text())
    return is_good


def report(results: list, killed: float, ordered: float, old: str, new: str, say) -> bool:
    before = [r for r in results if r[0] + r[1] < killed and not r[2].startswith("error")]
    after = [r for r in results if r[0] + r[1] >= killed]
    # A login in the middle of its password exchange when its backend is killed dies with it: begun before that.
    errors = [r for r in after if r[2].startswith("error") and r[0] > killed]
    held = [r for r in after if r[0] < ordered and r[2] == new]
    wrong = [r for r in after if r[2] == old and r[0] > killed]
    mean_ms = sum(seconds for _, seconds, _ in before) / max(1, len(before)) * 1000
    say("")
    say(f"before:  {len(before)} logins on {old}, {mean_ms:.1f} ms each")
    for start, seconds, answer in held:
        say(f"held:    a login begun at {start - killed:+.3f} s waited {seconds:.3f} s and then was on {answer}, "
            f"{(start + seconds - ordered) * 1000:.0f} ms after the promotion was ordered")
    say(f"after:   {sum(r[2] == new for r in after) - len(held)} more logins on {new}")
    say(f"refused: {len(errors)}; answered by the dead primary: {len(wrong)}")
    for start, seconds, answer in errors[:5]:
        say(f"         {start - killed:+.3f} s, after {seconds:.3f} s: {answer}")
    say("")
    return bool(before and held) and not errors and not wrong and after[-1][2] == new
