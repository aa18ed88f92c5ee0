"""A headless Chromium, driven by the DevTools protocol over two pipes: no port, and it ends with whoever started it.

Flow: with Browser() as browser -> page = browser.open(url) -> page.wait_for("document.title == 'x'"), page.evaluate(...);
page.faults() and page.requests tell what went wrong and what was asked for.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import processes
from .wait import PATIENCE, wait_until

# Its own sandbox needs another user than root. What it does on its own in the background is no part of a test.
OPTIONS = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--no-first-run", "--no-default-browser-check", "--no-proxy-server", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-breakpad", "--disable-crash-reporter",
           "--disable-extensions", "--mute-audio", "--password-store=basic"]


class PageError(RuntimeError):
    pass


class Browser:
    def __init__(self):
        processes.adopt_orphans()
        self.folder = Path(tempfile.mkdtemp(prefix="pgsteer-browser-"))
        self.process = None
        self._last_id = 0
        self._unread = b""
        self._replies = {}
        self._pages = {}  # by session

    def __enter__(self):
        # Above the numbers that the program wants its pipes at.
        reads, self._out = _pipe()
        self._in, writes = _pipe()
        environment = {**os.environ, "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{reads} 4>&{writes}', "bash", "chromium", *OPTIONS,
             f"--user-data-dir={self.folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", env=environment,
            pass_fds=(reads, writes), start_new_session=True, preexec_fn=processes.die_with_parent(signal.SIGKILL))
        os.close(reads)
        os.close(writes)
        return self

    def __exit__(self, *unused) -> None:
        family = _family(self.process.pid)
        try:
            self.send("Browser.close", {})
            self.process.wait(PATIENCE)
        except (OSError, PageError, subprocess.TimeoutExpired):
            pass
        processes.send(family, signal.SIGKILL)
        self.process.wait(PATIENCE)
        processes.wait_gone(family)
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, url: str, **how) -> "Page":
        """how: as for Page.look()."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            page.send(f"{domain}.enable")
        page.look(**how)
        page.navigate(url)
        return page

    def send(self, method: str, parameters: dict, session: str = None) -> dict:
        self._last_id += 1
        mine = self._last_id
        message = {"id": mine, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while mine not in self._replies:
            self._read(max(0, deadline - time.monotonic()), f"the answer to {method}")
        reply = self._replies.pop(mine)
        if "error" in reply:
            raise PageError(f"{method}: {reply['error']}")
        return reply.get("result", {})

    def _read(self, patience: float, what: str) -> None:
        if not select.select([self._in], [], [], patience)[0]:
            raise TimeoutError(f"waited {PATIENCE} s for {what}")
        more = os.read(self._in, 1 << 20)
        if not more:
            raise PageError(f"the browser ended before {what}")
        *messages, self._unread = (self._unread + more).split(b"\0")
        for text in messages:
            message = json.loads(text)
            if "id" in message:
                self._replies[message["id"]] = message
            elif message.get("sessionId") in self._pages:
                self._pages[message["sessionId"]].note(message["method"], message["params"])


class Page:
    def __init__(self, browser: Browser, session: str):
        self._browser = browser
        self._session = session
        self.requests = []  # addresses, in order
        self._faults = []

    def send(self, method: str, **parameters) -> dict:
        return self._browser.send(method, parameters, self._session)

    def look(self, width: int = 1280, height: int = 800, is_dark: bool = False) -> None:
        """As who looks at it does; a page that is open already follows."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def navigate(self, url: str) -> None:
        done = self.send("Page.navigate", url=url)
        assert "errorText" not in done, f"{url}: {done['errorText']}"
        self.wait_for("document.readyState == 'complete' && location.href != 'about:blank'")

    def evaluate(self, expression: str):
        """The value of this JavaScript; that of a promise once it is there."""
        done = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise PageError(f"{expression}: {json.dumps(done['exceptionDetails'])[:500]}")
        return done["result"].get("value")

    def wait_for(self, expression: str):
        return wait_until(lambda: self.evaluate(expression), what=expression)

    def text(self, selector: str) -> str:
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def wait_text(self, selector: str, words: str) -> None:
        wait_until(lambda: words in self.text(selector), what=f"{words!r} in {selector}")

    def click(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, key: str, text: str = "") -> None:
        """A key of the keyboard; text: what it types."""
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def screenshot(self, path: Path, is_whole: bool = True) -> None:
        done = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        Path(path).write_bytes(base64.b64decode(done["data"]))

    def faults(self) -> list:
        """Errors and warnings of the console, exceptions, what a policy forbade."""
        self.evaluate("0")  # what was told before its answer is here
        return list(self._faults)

    def note(self, method: str, parameters: dict) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self._faults.append(parameters["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self._faults.append(parameters["args"])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self._faults.append(parameters["entry"])
        elif method == "Audits.issueAdded" and "contentSecurityPolicyIssueDetails" in parameters["issue"]["details"]:
            self._faults.append(parameters["issue"])


def _pipe() -> tuple:
    """Two ends with numbers above ten."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high


def _family(pid: int) -> list:
    """A process and all below it."""
    family = [pid]
    for each in family:
        family += processes.children_of(each)
    return family


__all__ = ["Browser", "Page", "PageError"]
