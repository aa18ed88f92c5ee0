"""One panel of each type, drawn into axes."""
import math

from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .units import formatted

COLOURS = ["#3274d9", "#56a64b", "#e0752d", "#b877d9", "#e02f44", "#37a2a0", "#f2cc0c", "#8f3bb8", "#705da0", "#447ebc"]
NAMED = {"green": "#56a64b", "blue": "#6e9fff", "red": "#e02f44", "orange": "#ff780a"}
LEGEND_MAX = 8
LEGEND_SIGNS_PER_INCH = 18


class Drawing:
    """How one type is drawn, and how much of the space beside and below a panel it needs."""

    def __init__(self, draw, side: float = 1, bottom: float = 1):
        self.draw, self.side, self.bottom = draw, side, bottom

    def __call__(self, axes, panel: dict, data) -> None:
        self.draw(axes, panel, data.of(panel), data)


def _unit(panel: dict) -> str:
    return panel["fieldConfig"]["defaults"]["unit"]


def _nothing(axes, panel: dict) -> None:
    axes.axis("off")
    words = panel["fieldConfig"]["defaults"].get("noValue", "no data")
    axes.text(0.5, 0.5, words, ha="center", va="center", color="#888888", transform=axes.transAxes)


def _time_axis(axes, data) -> None:
    axes.set_xlim(0, data.end - data.begin)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:.0f} s"))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.tick_params(length=0, labelsize=7)


def _legend(axes, handles: list, labels: list) -> None:
    width = axes.get_position().width * axes.figure.get_size_inches()[0]
    columns = max(1, int(width * LEGEND_SIGNS_PER_INCH / (max(len(label) for label in labels) + 6)))
    axes.legend(handles[:LEGEND_MAX], labels[:LEGEND_MAX], loc="upper left", bbox_to_anchor=(-0.02, -0.1), ncol=columns,
                frameon=False, fontsize=7, handlelength=1, columnspacing=1, borderaxespad=0.3, labelspacing=0.25)


def _is_flat_zero(points: list) -> bool:
    return all(value == 0 or math.isnan(value) for _, value in points)


def draw_timeseries(axes, panel: dict, series: list, data) -> None:
    if not series:
        _nothing(axes, panel)
        return
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    # What has something to tell comes first in the legend.
    series = sorted(series, key=lambda one: _is_flat_zero(one[2]))
    handles = []
    is_stacked = "stacking" in custom
    bottoms = {}
    for i, (_, _, points) in enumerate(series):
        times = [at - data.begin for at, _ in points]
        values = [value for _, value in points]
        if is_stacked:
            below = [bottoms.get(at, 0) for at in times]
            values = [low + value for low, value in zip(below, values)]
            bottoms.update(zip(times, values))
            if custom["drawStyle"] == "line":
                axes.fill_between(times, below, values, color=COLOURS[i % len(COLOURS)], alpha=0.25, linewidth=0)
        if custom["drawStyle"] == "bars":
            low = below if is_stacked else 0
            heights = [value - bottom for value, bottom in zip(values, below)] if is_stacked else values
            axes.bar(times, heights, bottom=low, width=0.5, color=COLOURS[i % len(COLOURS)], alpha=0.8)
        how = "steps-post" if custom["lineInterpolation"] == "stepAfter" else "default"
        line, = axes.plot(times, values, color=COLOURS[i % len(COLOURS)], linewidth=1.2, drawstyle=how,
                          alpha=0 if custom["drawStyle"] == "bars" else 1)
        handles.append(line if line.get_alpha() else Patch(color=COLOURS[i % len(COLOURS)]))
    _time_axis(axes, data)
    highest = max((value for line in axes.lines for value in line.get_ydata() if math.isfinite(value)), default=0)
    axes.set_ylim(0, defaults.get("max") or highest * 1.08 or 1)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: formatted(value, _unit(panel))))
    _legend(axes, handles, [name for name, _, _ in series])


def draw_stat(axes, panel: dict, series: list, _data) -> None:
    axes.axis("off")
    if not series:
        _nothing(axes, panel)
        return
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    words, colour = [], "green"
    for name, _, points in series:
        value = points[-1][1]
        words.append(name if panel["options"]["textMode"] == "name" else formatted(value, _unit(panel)))
        colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
    axes.text(0.5, 0.45, "\n".join(words), ha="center", va="center", fontsize=17, color=NAMED[colour],
              transform=axes.transAxes)


def draw_state_timeline(axes, panel: dict, series: list, data) -> None:
    if not series:
        _nothing(axes, panel)
        return
    states = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    names = []
    for row, (name, _, points) in enumerate(reversed(series)):
        names.append(name)
        begin = 0
        for i, (at, value) in enumerate(points):
            is_last = i + 1 == len(points)
            if not is_last and points[i + 1][1] == value:
                continue
            state = states[f"{value:.0f}"]
            start, stop = points[begin][0] - data.begin, (at if is_last else points[i + 1][0]) - data.begin
            axes.broken_barh([(start, stop - start)], (row - 0.4, 0.8), color=NAMED[state["color"]], alpha=0.8)
            if stop - start > 8:
                axes.text((start + stop) / 2, row, state["text"], ha="center", va="center", fontsize=7.5, color="white")
            begin = i + 1
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(False)
    _time_axis(axes, data)
    shown = list(states.values())
    _legend(axes, [Patch(color=NAMED[state["color"]], alpha=0.8) for state in shown], [state["text"] for state in shown])


def draw_bar_gauge(axes, panel: dict, series: list, _data) -> None:
    if not series:
        _nothing(axes, panel)
        return
    series = list(reversed(series))
    values = [points[-1][1] for _, _, points in series]
    axes.barh(range(len(series)), values, height=0.6, color=[COLOURS[i % len(COLOURS)] for i in range(len(series))])
    for i, value in enumerate(values):
        axes.text(value, i, "  " + formatted(value, _unit(panel)), va="center", fontsize=8)
    axes.set_yticks(range(len(series)), [name for name, _, _ in series])
    axes.set_xlim(0, max(values) * 1.25 or 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: formatted(value, _unit(panel))))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(length=0, labelsize=7.5)
    axes.grid(axis="y", visible=False)


def draw_table(axes, panel: dict, series: list, _data) -> None:
    axes.axis("off")
    if not series:
        _nothing(axes, panel)
        return
    headings = panel["transformations"][1]["options"]["renameByName"]
    columns = panel["transformations"][0]["options"]["include"]["names"]
    mappings = panel["fieldConfig"]["defaults"].get("mappings")
    words = {key: of["text"] for key, of in mappings[0]["options"].items()} if mappings else {}

    def text(column: str, labels: dict, value: float) -> str:
        number = formatted(value, _unit(panel))
        return labels[column] if column in labels else words.get(number, number)

    cells = [[text(column, labels, points[-1][1]) for column in columns] for _, labels, points in series]
    height = min(1, 0.14 * (len(cells) + 1))
    table = axes.table(cellText=cells, colLabels=[headings[column] for column in columns], cellLoc="left", colLoc="left", edges="horizontal",
                       bbox=[0, 1 - height, 0.97, height])
    for cell in table.get_celld().values():
        cell.set_edgecolor("#dddddd")


DRAW = {"timeseries": Drawing(draw_timeseries), "stat": Drawing(draw_stat, side=0.2, bottom=0.1),
        "state-timeline": Drawing(draw_state_timeline, side=1.75, bottom=0.75),
        "bargauge": Drawing(draw_bar_gauge, side=1.2, bottom=0.45), "table": Drawing(draw_table, side=0.4, bottom=0.1)}
__all__ = ["DRAW"]
