"""Medians, quantiles, and the times as people read them."""
import math
import statistics


def median(values: list):
    """Of an even number the mean of the middle two; None of nothing."""
    return statistics.median(values) if values else None


def quantile(values: list, q: float):
    """The nearest-rank quantile, a value that was measured; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def ms(seconds) -> str:
    """A table's cell."""
    if seconds is None:
        return "none"
    value = seconds * 1000
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def summary(values: list) -> dict:
    present = [value for value in values if value is not None]
    return {"n": len(present), "p50": quantile(present, 0.5), "p99": quantile(present, 0.99),
            "max": max(present, default=None), "missing": len(values) - len(present)}


def cells(values: list) -> list:
    """p50, p99 and max, in ms."""
    found = summary(values)
    return [ms(found["p50"]), ms(found["p99"]), ms(found["max"])]


def markdown(header: list, rows: list) -> str:
    """A Markdown table; the first column to the left, all others to the right."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])
