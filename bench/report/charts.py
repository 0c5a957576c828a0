"""Owns how a line chart looks: matplotlib's SVG in the page's own colours and fonts. Knows nothing of benches.

matplotlib is imported when the first chart is drawn: it takes half a second, and a run draws once, at its end.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

# The page's CSS variables by the colour that stands for them in matplotlib; the page has its own, light and dark.
_VARIABLES = {
    "#5146e0": "--dynonnx",
    "#dd7b26": "--fastapi-onnx",
    "#7d8598": "--fastapi-pickle",
    "#2a91a8": "--other",
    "#5d6274": "--soft",
    "#e7e8ef": "--faint",
    "#c8324a": "--bad",
    "#fefefe": "--card",
}
_COLOURS = {variable: colour for colour, variable in _VARIABLES.items()}
_OF_SYSTEMS = {
    "dynonnx": "--dynonnx",
    "fastapi_onnx": "--fastapi-onnx",
    "fastapi_pickle": "--fastapi-pickle",
    "1 worker": "--dynonnx",
    "4 workers": "--fastapi-onnx",
    "8 workers": "--fastapi-pickle",
    "iris": "--dynonnx",
    "forest-500": "--fastapi-onnx",
    "text": "--fastapi-pickle",
}
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9.5}
_SETTINGS |= dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "text.color"), _COLOURS["--soft"])
_SETTINGS |= dict.fromkeys(("xtick.color", "ytick.color"), _COLOURS["--soft"])
_SETTINGS |= dict.fromkeys(("axes.spines.top", "axes.spines.right", "axes.spines.left"), False)
_SETTINGS |= {"axes.grid": True, "axes.grid.axis": "y", "grid.color": _COLOURS["--faint"], "axes.axisbelow": True}

Points = Sequence[tuple[float, float | None]]  # None breaks a line


def variable(system: str) -> str:
    """The CSS variable of the colour that a system has everywhere."""
    return _OF_SYSTEMS.get(system, "--other")


class LineChart:
    """Lines over one axis, upright on another; each logarithmic where asked. ``axes``: of a figure that is there."""

    def __init__(
        self, title: str, x_label: str, y_label: str, *, log_x: bool = False, log_y: bool = False, axes: Any = None
    ) -> None:
        self.title = title
        self._axes = _figure(1).axes[0] if axes is None else axes
        scales = {"xscale": "log" if log_x else "linear", "yscale": "log" if log_y else "linear"}
        self._axes.set(xlabel=x_label, ylabel=y_label, **scales)
        self._axes.tick_params(which="both", length=0)

    def steps(self, system: str, points: Points, *, thin: bool = False) -> None:
        """A line that keeps each value until the next."""
        self.line(system, [(at, y) for (x, y), (then, _) in pairwise(points) for at in (x, then)], thin=thin)

    def line(self, system: str, points: Points, *, thin: bool = False, hollow: frozenset[float] = frozenset()) -> None:
        """Dashed and without dots where ``thin``; a dot at one of the places ``hollow`` is a ring."""
        colour, card = _COLOURS[variable(system)], _COLOURS["--card"]
        xs, ys = [x for x, _ in points], [float("nan") if y is None else y for _, y in points]
        look = {"linestyle": (0, (4, 3)), "linewidth": 1.1, "alpha": 0.6} if thin else {"linewidth": 2.0}
        self._axes.plot(xs, ys, color=colour, solid_capstyle="round", solid_joinstyle="round", **look)
        if not thin and len(points) < 40:
            fills = [card if x in hollow else colour for x in xs]
            self._axes.scatter(xs, ys, s=16, c=fills, edgecolors=colour, linewidths=1.4, zorder=3)

    def ring(self, system: str, x: float, y: float, text: str) -> None:
        """A labelled point, such as a knee."""
        colour = _COLOURS[variable(system)]
        self._axes.plot([x], [y], "o", markersize=11, markerfacecolor="none", markeredgecolor=colour)
        self._label(text, (x, y), "data", (-4, 9), "right", variable(system), weight="bold")

    def event(self, system: str, x: float, text: str, *, late: bool) -> None:
        """A labelled upright line; its words stand left of it where it is ``late``."""
        self._axes.axvline(x, color=_COLOURS["--soft"], linestyle=":", linewidth=1)
        place, side = ((-4, -10), "right") if late else ((4, -10), "left")
        self._label(text, (x, 1), ("data", "axes fraction"), place, side, variable(system), weight="bold")

    def goal(self, value: float, text: str) -> None:
        """A level line that counts as the limit."""
        self._axes.axhline(value, color=_COLOURS["--bad"], linestyle=":", linewidth=1.2)
        self._label(text, (1, value), ("axes fraction", "data"), (0, 3), "right", "--bad")

    def _label(self, text: str, at: Any, system: Any, offset: Any, side: str, name: str, **look: str) -> None:
        """Words ``offset`` points from ``at`` in a coordinate system of matplotlib's."""
        where = {"xycoords": system, "textcoords": "offset points", "ha": side}
        self._axes.annotate(text, at, offset, color=_COLOURS[name], **where, **look)

    def from_zero(self) -> None:
        """The upright axis begins at nothing."""
        self._axes.set_ylim(bottom=0)

    def svg(self) -> str:
        """One ``<svg>`` element that needs no name space, no font and no colour but the page's.

        Of :func:`panels` any draws all.
        """
        import matplotlib as mpl

        figure = self._axes.figure
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                _number(axis)
        text = io.StringIO()
        with mpl.rc_context(_SETTINGS):
            no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(text, format="svg", transparent=True, metadata=no_metadata)
        _, _, drawing = text.getvalue().partition("<svg ")
        drawing = re.sub(r' xmlns(:\w+)?="[^"]*"', "", drawing).replace("xlink:href", "href")
        drawing = re.sub(r'^.*?(viewBox="[^"]*")[^>]*', rf'role="img" aria-label="{escape(self.title)}" \1', drawing)
        for colour, name in _VARIABLES.items():
            drawing = drawing.replace(colour, f"var({name})")
        return f"<svg {drawing}"


def panels(title: str, x_label: str, y_labels: Mapping[str, bool]) -> list[LineChart]:
    """Charts one above the other over the same axis. ``y_labels``: whether that axis is logarithmic."""
    every = _figure(len(y_labels)).axes
    labels = zip([*[""] * (len(y_labels) - 1), x_label], y_labels.items(), every, strict=True)
    return [LineChart(title, x, y, log_y=log_y, axes=axes) for x, (y, log_y), axes in labels]


def _figure(charts: int) -> Any:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(5.6, 1.6 + 1.6 * charts), layout="constrained")
        figure.subplots(charts, sharex=True)
        figure.align_ylabels()
    return figure


def short(value: float, _: object = None) -> str:
    """A number for an axis: 0.5, 20, 4k."""
    if value >= 1000:
        thousands = value / 1000
        return f"{thousands:g}k" if thousands < 1000 else f"{thousands / 1000:g}M"
    return f"{value:g}"


def _number(axis: Any) -> None:
    """Short round numbers; on a logarithmic axis as many as its decades have room for."""
    from matplotlib.ticker import LogLocator, NullFormatter

    (low, high), scale = axis.get_view_interval(), axis.get_scale()
    if scale == "log":
        steps = (1,) if high / low > 1600 else (1, 3) if high / low > 60 else (1, 2, 5)
        axis.set_major_locator(LogLocator(subs=steps))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(short)
