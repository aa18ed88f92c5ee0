"""The status page in a real browser, before a real cluster: live without reloading, on a phone, in the dark, with many backends."""
import json
import signal
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from harness.browser import Browser
from harness.cluster import PgCluster
from harness.logins import PendingLogin, wait_held
from harness.queries import ask
from harness.wait import free_port, wait_until

# Where an element's own text has less contrast to what is behind it than WCAG 2.1 asks for (1.4.3: 4.5 to 1).
FAINT_TEXTS = """(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const part = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const behind = (of) => {
    for (let each = of; each; each = each.parentElement) {
      const colour = rgb(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const isShown = (each) => each.checkVisibility() && !each.closest(".unseen, .skip, option");
  return [...document.body.querySelectorAll("*")].filter((each) => isShown(each) &&
      [...each.childNodes].some((inner) => inner.nodeType === 3 && inner.data.trim())).map((each) => {
    const [a, b] = [light(rgb(getComputedStyle(each).color)), light(behind(each))].sort((x, y) => y - x);
    return [each.innerText.slice(0, 40), (a + 0.05) / (b + 0.05)];
  }).filter((each) => each[1] < 4.5);
})()"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def whole_cluster():
    with PgCluster(backends=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def browser():
    with Browser() as running:
        yield running


def address_of(proxy) -> str:
    return f"http://{proxy.ip}:{proxy.admin_port}/"


def assert_clean(page, proxy) -> None:
    """Nothing was complained of, and nobody else was asked for anything."""
    assert page.faults() == []
    own = urlsplit(address_of(proxy)).netloc
    others = [url for url in page.requests if urlsplit(url).scheme != "data" and urlsplit(url).netloc != own]
    assert page.requests and not others, others


# Who watches a failover on the page sees it as it happens: nobody reloads it.
def test_a_failover_is_shown_as_it_happens(cluster, proxy, browser, connect):
    old, new = cluster.primary, cluster.standbys()[0]
    timeline = proxy.backend_view(old)["timeline"]
    session = connect(proxy.rw_port)
    page = browser.open(address_of(proxy))
    page.evaluate("window.isTheSame = true")
    page.wait_text("#primary", old.address)
    page.wait_text("#failovers", "None since pgsteer was started.")
    page.wait_text("#listeners tbody", "rw")
    page.wait_text("#live", "live")

    cluster.primary.kill9()
    login = PendingLogin(cluster.conninfo(proxy.rw_port))
    wait_held(proxy, 1)
    page.wait_text("#held", "1")
    page.wait_text("#failovers .event", "rw logins are held")
    cluster.promote(cluster.backends.index(new))
    assert login.address() == new.address
    page.wait_text("#primary", new.address)
    page.wait_text("#failovers .event", "over after")
    wait_until(lambda: "1 held, 1 released, 0 expired" in page.text("#failovers .event"), what="the login's account")
    told = page.text("#failovers .event")
    assert f"{old.address} \u2192 {new.address}" in " ".join(told.split()), told
    assert f"timeline {timeline} \u2192 {timeline + 1}" in told and "first sign to loss" in told and "to the first rw login" in told, told
    assert page.evaluate("document.querySelectorAll('#failovers .event').length") == 1
    assert page.evaluate("document.querySelectorAll('#failovers .bar rect').length") >= 3
    page.wait_text("#roles .event", new.address)
    assert "standby" in page.text("#roles .event") and "primary" in page.text("#roles .event")
    assert page.evaluate("window.isTheSame") is True, "the page was loaded anew"
    assert_clean(page, proxy)
    session.close()


# What the page works rates out from, and what it shows, are the same figures.
def test_traffic_is_shown_as_it_passes(cluster, proxy, browser, connect):
    session = connect(proxy.rw_port)
    page = browser.open(address_of(proxy))
    page.wait_text("#sessions", "1")
    assert len(ask(session, "select repeat('x', 3000000)")) == 3_000_000
    page.wait_text("#out", "2.9 MiB in all")
    page.wait_for("document.querySelectorAll('#out-line polyline').length === 1")

    def has_rate() -> bool:
        ask(session, "select repeat('x', 3000000)")
        return "MiB/s" in page.text("#out") and "MiB/s" in page.text("#listeners tbody tr")

    wait_until(has_rate, what="a rate")
    assert "1 in all" in page.text("#listeners tbody tr")
    assert_clean(page, proxy)


# Whoever looks at the page knows why a backend takes nobody, and for how long.
def test_an_order_is_shown(cluster, proxy, browser):
    standby = cluster.standbys()[0]
    page = browser.open(address_of(proxy))
    page.wait_text("#live", "live")
    assert proxy.command("backend", "disable", standby.address, "--for", "1h").returncode == 0
    page.wait_text("#backends tbody", "standby, disabled by the operator")
    page.wait_text("#backends tbody", "59 min left")
    assert proxy.command("backend", "resume", standby.address).returncode == 0
    wait_until(lambda: "by the operator" not in page.text("#backends tbody"), what="the order to be gone")
    assert_clean(page, proxy)


# Read at night, and on the phone that woke its reader up.
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_it_is_readable_on_a_phone_and_in_the_dark(cluster, proxy, browser, is_dark):
    page = browser.open(address_of(proxy), width=375, height=700, is_dark=is_dark)
    page.wait_text("#live", "live")
    page.wait_text("#backends tbody", "standby")
    brightness = "Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number))"
    assert (page.evaluate(brightness) < 60) == is_dark
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(FAINT_TEXTS) == []
    page.look(1280, 800, is_dark)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(FAINT_TEXTS) == []
    assert_clean(page, proxy)


# The name of a pod, or whatever a backend says, is text, whoever chose it.
def test_what_backends_say_stays_text(cluster, proxy, browser):
    hostile = "<img src=x onerror=alert(1)><b>bold</b>"
    page = browser.open(address_of(proxy))
    page.wait_text("#live", "live")
    page.evaluate("""(() => {
      const ask = window.fetch;
      window.fetch = async (...what) => {
        const said = await (await ask(...what)).json();
        for (const each of [...said.backends ?? [], ...said.listeners ?? []]) each.reason = each.name = %s;
        return {ok: true, json: async () => said};
      };
    })()""" % json.dumps(hostile))
    page.wait_text("#backends tbody", hostile)
    page.wait_text("#listeners tbody", hostile)
    assert page.evaluate("document.querySelectorAll('main img, main td b').length") == 0
    assert_clean(page, proxy)
    # The page's policy would have stopped, and told of, what is not text.
    assert page.evaluate("(() => { try { document.body.innerHTML = '<b>x</b>' } catch { return 'kept out' } })()") == "kept out"
    wait_until(lambda: page.faults(), what="the browser's complaint")


# One row for each would be eleven screens: what is amiss comes first, and the rest when it is asked for.
def test_two_hundred_backends_are_narrowed_down(run_pgsteer, browser):
    port = free_port()  # nobody listens there
    addresses = [f"127.0.2.{i}:{port}" for i in range(1, 201)]
    proxy = run_pgsteer(SimpleNamespace(backends=[]), source=f"static: {json.dumps(addresses)}", waits=False)
    wait_until(lambda: len(proxy.topology()["backends"]) == 200, what="200 backends")
    first_view = proxy.get("/")[1]
    assert all(f">{address}<" in first_view for address in addresses), "without its script the page has all of them"

    page = browser.open(address_of(proxy), width=375, height=700)
    rows = "document.querySelectorAll('#backends tbody tr').length"
    page.wait_for(f"{rows} === 24")
    assert page.evaluate(OVERFLOW) <= 0
    page.click("#more")
    page.wait_for(f"{rows} === 200")
    assert page.evaluate(OVERFLOW) <= 0
    page.look(1280, 800)
    page.press("/", "/")
    page.wait_for("document.activeElement.id === 'filter'")
    page.type("127.0.2.77:")
    page.wait_for(f"{rows} === 1")
    assert "127.0.2.77:" in page.text("#backends tbody")
    page.click("[data-kind=primary]")
    page.wait_text("#backends tbody", "No backend fits.")
    assert page.evaluate("document.querySelector('[data-kind=primary]').getAttribute('aria-pressed')") == "true"
    assert_clean(page, proxy)


# A page that looks alive while pgsteer is gone is worse than none.
def test_it_says_that_pgsteer_drains_and_that_it_is_gone(cluster, run_pgsteer, browser, connect):
    proxy = run_pgsteer(cluster)
    session = connect(proxy.rw_port)
    page = browser.open(address_of(proxy))
    page.wait_text("#live", "live")
    assert not page.evaluate("document.querySelector('#lost').checkVisibility()")
    proxy.process.send_signal(signal.SIGTERM)
    page.wait_text("#alarms", "pgsteer is draining")
    page.wait_text("#whole", "draining")
    assert_clean(page, proxy)
    session.close()
    page.wait_text("#lost", "pgsteer does not answer")
    assert page.evaluate("document.title") == "pgsteer: no answer"
    assert page.text("#whole") == "no answer"
