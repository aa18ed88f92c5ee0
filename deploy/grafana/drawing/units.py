"""Grafana's units, as far as the dashboard has them."""


def _scaled(value: float, base: int, suffixes: list) -> str:
    size, suffix = abs(value), suffixes[0]
    for bigger in suffixes[1:]:
        if size < base:
            break
        size, suffix = size / base, bigger
    return f"{-size if value < 0 else size:.3g}{suffix}"


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    if value < 1e-3:
        return f"{value * 1e6:.3g} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.3g} s" if value < 120 else f"{value / 60:.3g} min"


def formatted(value: float, unit: str) -> str:
    if unit == "s":
        return _seconds(value)
    if unit == "bytes":
        return _scaled(value, 1024, [" B", " KiB", " MiB", " GiB"])
    if unit == "Bps":
        return _scaled(value, 1000, [" B/s", " kB/s", " MB/s", " GB/s"])
    if unit == "ops":
        return _scaled(value, 1000, ["/s", " k/s", " M/s"])
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    return _scaled(value, 1000, ["", " k", " M"])


__all__ = ["formatted"]
