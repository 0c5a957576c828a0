"""Owns report.html: one file that needs no network, verdict first. Knows nothing of how it was measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from bench.record.findings import Standing, place, standings, verdict, warnings
from bench.record.results import OURS, Results
from bench.report import scenario_charts, table
from bench.report.charts import variable
from bench.report.scenario_charts import ms

_FILES = Path(__file__).parent
_METHOD = (
    "Requests are due at Poisson arrivals of a constant mean rate, the same ones for every server; nobody waits for an "
    "earlier answer (open loop), so a server that stalls shows it to everyone who was due meanwhile.",
    "Every answer is compared with what the pickle itself gives: numbers to 1e-5, labels with their type.",
    "Held means: nothing failed, p99 within the goal, and at least 97 % answered in time.",
    "Turns of the servers are interleaved, so that noise of the machine hits all alike.",
    "Memory is PSS summed over the process tree: pages that workers share count once. MB are 10^6 bytes.",
)


def write(results: Results, folder: Path) -> Path:
    """Write report.html into ``folder``; its path."""
    file = folder / "report.html"
    file.write_text(page(results), "utf-8")
    return file


def page(results: Results) -> str:
    """The whole document."""
    from jinja2 import Environment, FileSystemLoader

    loader = FileSystemLoader(_FILES)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(**_content(results), variable=variable)


def _content(results: Results) -> dict[str, Any]:
    first, *rest = verdict(results)
    of_micro = [each for each in table.tables(results) if results.titles]
    return {
        "results": results,
        "title": f"dynonnx: {place(results)}",
        "css": Markup((_FILES / "report.css").read_text("utf-8")),  # noqa: S704 - our own text
        "started": results.started.replace("T", " ").replace("+00:00", " UTC"),
        "warnings": warnings(results),
        "verdict": _stressed(first, "em"),
        "lead": _stressed(" ".join(rest), "strong"),
        "cards": [_card(results, standing) for standing in standings(results) if standing.requests],
        "bars": [chart for chart in scenario_charts.bars(results) if chart.bars],
        "curves": list(scenario_charts.curves(results)),
        "turns": table.every_turn(results),
        "knees": [(knee, table.whole(knee.held), table.whole(knee.lost)) for knee in results.knees],
        "micro": of_micro,
        "codes": table.codes(results),
        "errors": table.errors(results),
        "limits": table.limits(results),
        "method": [
            *_METHOD,
            f"Machine: {', '.join(str(value) for value in results.machine.values())}.",
            *results.notes,
        ],
    }


def _card(results: Results, standing: Standing) -> dict[str, Any]:
    """The big figure of a system and what else is known of it."""
    big, unit = f"{'≥ ' if standing.at_least else ''}{standing.held or 0:,.0f}", "predictions/s held"
    if standing.held is None and standing.lost is not None:
        big = f"< {standing.lost:,.0f}"
    elif standing.held is None:
        big, unit = f"{standing.right:,}", f"right answers of {standing.requests:,}"
    at = f" at {standing.steady_rate:,.0f}/s" if standing.steady_rate else ""
    rows = [
        (f"median{at}", ms(standing.p50_ms)),
        (f"p99{at}", ms(standing.p99_ms)),
        ("the server's own part of the median", ms(standing.server_p50_ms)),
        ("peak, closed loop (wrk)", f"{standing.peak:,.0f}/s" if standing.peak else table.DASH),
        ("memory", f"{standing.memory_mb:,.0f} MB" if standing.memory_mb else table.DASH),
    ]
    if standing.start_s and "url" not in results.settings:
        rows.append(("start to first answer", f"{standing.start_s:.1f} s"))
    known = [(name, value) for name, value in rows if value != table.DASH]
    return {"standing": standing, "big": big, "unit": unit, "rows": known, "first": standing.name == OURS}


def _stressed(text: str, tag: str) -> Markup:
    """The figures of a sentence set off; everything else escaped."""
    pattern = r"\b(\d[\d,.]*\d|\d)( (?:predictions/s|times|ms|MB))"
    return Markup(re.sub(pattern, rf"<{tag}>\1\2</{tag}>", str(escape(text))))  # noqa: S704 - escaped just now
