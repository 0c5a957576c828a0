"""Owns rates.png: requests a second and processor time a request, by model and system. Knows nothing of measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.record.results import OURS, Results

_FIGURES = (("rate", "requests a second"), ("cpu_us", "µs of processor time a request"))
_OURS_COLOUR, _COLOURS = "#0b6e4f", ("#4c5c68", "#7f8c96", "#a9b4bb", "#c9a227", "#b5651d", "#8d5a97")


def write(results: Results, folder: Path) -> Path:
    """A row of bars for each figure, a column for each model, a group for each number of connections."""
    from matplotlib.figure import Figure

    scenarios = list(results.titles)
    figure = Figure(figsize=(4.2 * max(1, len(scenarios)), 7.5), layout="constrained")
    axes = figure.subplots(len(_FIGURES), max(1, len(scenarios)), squeeze=False)
    for row, (name, unit) in zip(axes, _FIGURES, strict=True):
        for ax, scenario in zip(row, scenarios, strict=False):
            _bars(ax, results, scenario, name)
            ax.set_title(results.titles[scenario].split(";")[0], fontsize=9)
        row[0].set_ylabel(unit)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels) or 1, frameon=False)
    file = folder / "rates.png"
    figure.savefig(file, dpi=110)
    return file


def _bars(ax: Any, results: Results, scenario: str, figure: str) -> None:
    """One bar a system in each group; the axis is logarithmic, as one connection and many differ tenfold."""
    peaks = [peak for peak in results.peaks if peak.scenario == scenario]
    systems = list(dict.fromkeys(peak.system for peak in peaks))
    counts = sorted({peak.connections for peak in peaks})
    colours = iter(_COLOURS * 2)
    width = 0.85 / max(1, len(systems))
    for at, system in enumerate(systems):
        heights = [results.middle(scenario, system, count, figure) or 0.0 for count in counts]
        places = [place + (at - len(systems) / 2 + 0.5) * width for place in range(len(counts))]
        ax.bar(places, heights, width, label=system, color=_OURS_COLOUR if system == OURS else next(colours))
    ax.set_xticks(range(len(counts)), [f"{count} connection{'s' if count > 1 else ''}" for count in counts], fontsize=8)
    ax.set_yscale("log")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)
