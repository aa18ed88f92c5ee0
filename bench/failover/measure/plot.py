"""reroute.svg: one dot for each failover, on a logarithmic axis, a row for each fault and proxy."""
import math
import random

from reporting.figures import ms, quantile
from reporting.svg import page, text, vertical

WIDTH, LEFT, RIGHT, TOP, ROW = 960, 210, 190, 64, 52
AXIS_MS = (1, 10_000)
TICKS_MS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
PROMISE_MS = 100
COLOURS = {"pgsteer": "#0b6e4f", "other": "#b5561c"}


def x_of(value_ms: float) -> float:
    low, high = (math.log10(end) for end in AXIS_MS)
    place = (math.log10(min(max(value_ms, AXIS_MS[0]), AXIS_MS[1])) - low) / (high - low)
    return LEFT + place * (WIDTH - LEFT - RIGHT)


def axis(bottom: float) -> list:
    lines = []
    for tick in TICKS_MS:
        x = x_of(tick)
        lines += [vertical(x, TOP - 8, bottom, 'stroke="#e3e3e3"'),
                  text(x, bottom + 18, f"{tick / 1000:g} s" if tick >= 1000 else f"{tick} ms", 'text-anchor="middle"')]
    x = x_of(PROMISE_MS)
    return lines + [vertical(x, TOP - 8, bottom, 'stroke="#555" stroke-dasharray="4 3"'),
                    text(x + 4, TOP - 12, "pgsteer's aim for p99: 100 ms", 'fill="#555"')]


def row(y: float, mode: str, proxy: str, values_ms: list, seeded: random.Random) -> list:
    colour = COLOURS.get(proxy, COLOURS["other"])
    middle = y + ROW / 2
    found = [text(LEFT - 12, middle - 2, mode, 'text-anchor="end" font-weight="600"'),
             text(LEFT - 12, middle + 14, proxy, f'text-anchor="end" fill="{colour}"')]
    for value in values_ms:
        found.append(f'<circle cx="{x_of(value):.1f}" cy="{middle + seeded.uniform(-13, 13):.1f}" r="3.2" '
                     f'fill="{colour}" fill-opacity="0.45"/>')
    found.append(vertical(x_of(quantile(values_ms, 0.5)), y + 7, y + ROW - 7, f'stroke="{colour}" stroke-width="2"'))
    p50, p99, most = (ms(quantile(values_ms, q) / 1000) for q in (0.5, 0.99, 1))
    found += [text(WIDTH - RIGHT + 14, middle - 2, f"p50 {p50}, p99 {p99} ms"),
              text(WIDTH - RIGHT + 14, middle + 14, f"max {most} ms, {len(values_ms)} runs", 'fill="#555"')]
    return found


def svg(runs: list) -> str:
    """Empty if nothing was rerouted."""
    groups = {}
    for run in runs:
        if run.get("reroute") is not None:
            groups.setdefault((run["mode"], run["proxy"]), []).append(run["reroute"] * 1000)
    if not groups:
        return ""
    bottom = TOP + ROW * len(groups)
    seeded = random.Random(1)  # The jitter only keeps dots apart; the same results give the same picture.
    lines = [text(12, 26, "From the new primary's first accepted write to the first commit by a new connection "
                          "through the proxy", 'font-size="16" font-weight="600"'), *axis(bottom)]
    for i, ((mode, proxy), values) in enumerate(groups.items()):
        lines += row(TOP + i * ROW, mode, proxy, values, seeded)
    return page(WIDTH, bottom + 34, lines)
