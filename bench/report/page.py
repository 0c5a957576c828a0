"""Owns report.html: one file that needs no network, verdict first. Knows nothing of how it was measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from bench.dyno.dyno import CODES
from bench.record.findings import Standing, place, standings
from bench.record.results import OURS, Results
from bench.record.targets import CROWD, FRONT
from bench.report import scenario_charts, table
from bench.report.charts import variable
from bench.report.scenario_charts import ms
from bench.report.table import TEMPLATES, text

_BARS = {"peaks": "peak", "memory": "memory_mb", "throttled": "throttled_s"}


def write(results: Results, folder: Path) -> Path:
    """Write report.html into ``folder``; its path."""
    file = folder / "report.html"
    file.write_text(page(results), "utf-8")
    return file


def page(results: Results) -> str:
    """The whole document."""
    from jinja2 import Environment, FileSystemLoader

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(_content(results))


def verdict(results: Results) -> list[str]:
    """Sentences, the most important first; the first one can stand alone."""
    every = standings(results)
    most = max(every, key=lambda standing: standing.held or 0.0, default=None)
    ours = next((standing for standing in every if standing.name == OURS), most)
    others = [standing for standing in every if standing is not ours]
    return text("verdict.txt", results=results, ours=ours, others=others, place=place(results)).splitlines()


def warnings(results: Results) -> list[str]:
    """What a reader must know before the verdict."""
    return text("warnings.txt", results=results).splitlines()


def _content(results: Results) -> dict[str, Any]:
    (first, *rest), every = verdict(results), standings(results)
    return {
        "results": results,
        "title": f"dynonnx: {place(results)}",
        "css": Markup((TEMPLATES / "report.css").read_text("utf-8")),  # noqa: S704 - our own text
        "started": results.started.replace("T", " ").replace("+00:00", " UTC"),
        "warnings": warnings(results),
        "verdict": _stressed(first, "em"),
        "lead": _stressed(" ".join(rest), "strong"),
        "cards": [(standing, *_big(standing)) for standing in every if standing.requests],
        "held": [(each.name, each.held, each.at_least) for each in every],
        **{figure: [(each.name, getattr(each, name), False) for each in every] for figure, name in _BARS.items()},
        "quota": results.settings.get("memory_mib"),
        "front": _front(results),
        "charts": scenario_charts.charts(results),
        "turns": table.turn_table(results.turns),
        "micro": [each for each in table.tables(results) if results.titles or each.rows[0][0] == "target"],
        "codes": [(name, code, count) for name, counts in results.codes.items() for code, count in counts.items()],
        "meanings": CODES,
        "errors": [(standing.name, *error) for standing in every for error in standing.errors.most_common()],
        "variable": variable,
        "ms": ms,
    }


def _big(standing: Standing) -> tuple[str, str]:
    """The big figure of a system, and what it counts."""
    if standing.held is None and standing.lost is None:
        return f"{standing.right:,}", f"right answers of {standing.requests:,}"
    held = f"{'≥ ' if standing.at_least else ''}{standing.held or 0:,.0f}"
    return f"< {standing.lost:,.0f}" if standing.held is None else held, "predictions/s held"


def _front(results: Results) -> list[tuple[str, float, bool]]:
    """Rates of micro's first scenario over many connections, by system."""
    names = dict.fromkeys(peak.system for peak in results.peaks if peak.scenario == FRONT)
    return [(name, results.middle(FRONT, name, CROWD, "rate") or 0.0, False) for name in names]


def _stressed(text: str, tag: str) -> Markup:
    """The figures of a sentence set off; everything else escaped."""
    pattern = r"\b(\d[\d,.]*\d|\d)( (?:predictions/s|times|ms|MB))"
    return Markup(re.sub(pattern, rf"<{tag}>\1\2</{tag}>", str(escape(text))))  # noqa: S704 - escaped just now
