"""A page of panels, each where the dashboard has it."""
import io

import matplotlib
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  pylint: disable=wrong-import-position

from .panel import DRAW  # noqa: E402  pylint: disable=wrong-import-position

COLUMNS = 24
DPI = 100
COLOURS_MAX = 96
PAGE_INCHES = 17
ROW_INCHES = 0.34  # of one unit of a panel's height
# Of a panel: what its title above and its axis and legend below need, in inches.
TOP, BOTTOM, SIDE = 0.38, 0.78, 0.62
LOOK = {"font.size": 8, "font.family": "DejaVu Sans", "axes.spines.top": False, "axes.spines.right": False,
        "axes.edgecolor": "#999999", "axes.grid": True, "grid.color": "#e6e6e6", "grid.linewidth": 0.6,
        "axes.axisbelow": True, "xtick.color": "#555555", "ytick.color": "#555555", "figure.facecolor": "white"}


def draw_page(path, panels: list, data) -> None:
    top = min(panel["gridPos"]["y"] for panel in panels)
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) - top
    height = rows * ROW_INCHES
    with plt.rc_context(LOOK):
        figure = plt.figure(figsize=(PAGE_INCHES, height))
        for panel in panels:
            place = panel["gridPos"]
            x, w = place["x"] / COLUMNS, place["w"] / COLUMNS
            y, h = 1 - (place["y"] - top + place["h"]) / rows, place["h"] / rows
            if panel["type"] == "row":
                figure.text(x + 0.005, y + h / 2, panel["title"], fontsize=13, fontweight="bold", va="center")
            else:
                _draw_panel(figure, panel, (x, y, w, h), data)
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=DPI)
        plt.close(figure)
    # Few colours make a small file.
    Image.open(drawn).convert("RGB").quantize(COLOURS_MAX).save(path, optimize=True)


def _draw_panel(figure, panel: dict, box: tuple, data) -> None:
    x, y, w, h = box
    width, height = figure.get_size_inches()
    card = plt.Rectangle((x + 0.002, y + 0.04 / height), w - 0.004, h - 0.08 / height, transform=figure.transFigure,
                         fill=False, edgecolor="#dddddd", linewidth=0.8)
    figure.add_artist(card)
    figure.text(x + 0.008, y + h - 0.14 / height, panel["title"], fontsize=9, fontweight="bold", color="#333333", va="top")
    draw = DRAW[panel["type"]]
    left = SIDE * draw.side / width
    axes = figure.add_axes([x + left, y + BOTTOM * draw.bottom / height, w - left - 0.15 / width,
                            h - (TOP + BOTTOM * draw.bottom) / height])
    draw(axes, panel, data)
