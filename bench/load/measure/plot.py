"""Bars for each load: a panel for each case, a bar for each proxy, medians with the spread of the rounds."""
import math

from reporting.figures import median
from reporting.svg import page, text, vertical

from .hosts import PLACEMENTS
from .table import figure, groups

LABELS, BARS, FIGURES, GAP = 170, 250, 150, 20  # widths, of one panel
PANEL = LABELS + BARS + FIGURES + GAP
ROW, HEAD, TOP = 20, 46, 52
COLOURS = {"pgsteer": "#0b6e4f", "haproxy": "#b5561c", "nginx": "#7a6a1b", "pgbouncer": "#5a4a8a", "direct": "#8a8a8a"}

# file -> (load, key, title, unit): one picture each.
PICTURES = {
    "throughput": ("a", "rate", "Round trips per second (more is better)", ""),
    "latency": ("a", "p50_us", "Median round trip, µs (less is better)", " µs"),
    "cpu": ("a", "cpu_us_each", "Proxy's processor time per round trip, µs (less is better)", " µs"),
    "pgbench": ("b", "rate", "pgbench transactions per second (more is better)", ""),
    "bulk": ("c", "bulk_gbit", "Bulk, Gbit/s (more is better)", ""),
    "bulk-cpu": ("c", "cpu_s_per_gb", "Proxy's processor time per GB, s (less is better)", " s"),
    "mixed": ("d", "p99_us", "p99 of small sessions beside bulk, µs (less is better)", " µs"),
    "logins": ("e", "rate", "New sessions per second (more is better)", ""),
    "idle": ("f", "memory_each", "User memory per session, bytes (less is better)", "")}


def nice_ceiling(value: float) -> float:
    """The axis' end: 1, 2, 2.5, 5 or 10 times a power of ten."""
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def bar(x: float, y: float, proxy: str, values: list, scale: float) -> list:
    colour = COLOURS[proxy.partition("-")[0].partition("@")[0]]
    middle, least, most = median(values), min(values), max(values)
    centre = y + ROW / 2
    start = x + LABELS
    found = [text(start - 8, centre + 4, proxy, f'text-anchor="end" fill="{colour}"'),
             f'<rect x="{start:.1f}" y="{y + 3:.1f}" width="{middle * scale:.1f}" height="{ROW - 6}" fill="{colour}" '
             f'fill-opacity="0.75"/>']
    if most > least:
        found.append(f'<line x1="{start + least * scale:.1f}" x2="{start + most * scale:.1f}" y1="{centre:.1f}" '
                     f'y2="{centre:.1f}" stroke="#222" stroke-width="1.2"/>')
        found += [vertical(start + end * scale, centre - 3, centre + 3, 'stroke="#222" stroke-width="1.2"')
                  for end in (least, most)]
    return found + [text(start + most * scale + 6, centre + 4, figure(middle), 'fill="#555"')]


def panel(x: float, y: float, title: str, proxies: dict, unit: str) -> list:
    """proxies: name -> values."""
    end = nice_ceiling(max(max(values) for values in proxies.values()))
    scale = BARS / end
    bottom = y + HEAD + ROW * len(proxies)
    found = [text(x, y + 16, title, 'font-weight="600"')]
    for part in (0, 0.5, 1):
        at = x + LABELS + BARS * part
        found += [vertical(at, y + HEAD - 6, bottom, 'stroke="#ddd"'),
                  text(at, y + HEAD - 10, f"{end * part:,g}{unit}", 'text-anchor="middle" fill="#777" font-size="11"')]
    for i, (proxy, values) in enumerate(proxies.items()):
        found += bar(x, y + HEAD + i * ROW, proxy, values, scale)
    return found


def picture(runs: list, load: str, key: str, title: str, unit: str) -> str:
    """A row of panels for each placement; empty if nothing was measured."""
    lines, y, width = [], float(TOP), 0.0
    for placement in PLACEMENTS.values():
        panels = {}
        for case, proxies in groups(runs, load, placement.name).items():
            values = {proxy: [run[key] for run in found if run.get(key, 0) > 0] for proxy, found in proxies.items()}
            values = {proxy: found for proxy, found in values.items() if found}
            if values:
                panels[case] = values
        if not panels:
            continue
        lines.append(text(14, y, placement.title, 'font-size="14" fill="#555"'))
        for i, (case, proxies) in enumerate(panels.items()):
            # Two beside each other.
            column, line = i % 2, i // 2
            height = HEAD + ROW * max(len(values) for values in panels.values()) + GAP
            lines += panel(14 + column * PANEL, y + 10 + line * height, case, proxies, unit)
            width = max(width, 14.0 + (column + 1) * PANEL)
        y += 10 + height * math.ceil(len(panels) / 2) + GAP
    if not lines:
        return ""
    width = max(width, 640)
    return page(round(width), round(y), [text(14, 26, title, 'font-size="16" font-weight="600"'), *lines])


def pictures(runs: list) -> dict:
    """File name -> SVG."""
    found = {f"{name}.svg": picture(runs, *what) for name, what in PICTURES.items()}
    return {name: svg for name, svg in found.items() if svg}
