"""Owns the summary of ``peers`` as the README has it: a line a server, a column a model. Knows nothing of measuring."""

from __future__ import annotations

from collections.abc import Mapping

from bench.record.results import OURS, Results
from bench.record.targets import NGINX


def markdown(results: Results, names: Mapping[str, str]) -> str:
    """Requests a second of every server that was timed, as a table in Markdown; "" where none was.

    ``names``: what a server is called, where that is not its system's name. Ours stands first and nginx last, between
    them the fastest first.
    """
    asked = sorted({peak.connections for peak in results.peaks if peak.connections > 1})
    timed = list(dict.fromkeys(peak.system for peak in results.peaks))
    models = list(results.titles)
    if not (asked and timed and models):
        return ""

    def place(system: str) -> tuple[int, float]:
        rate = results.middle(models[0], system, asked[0], "rate") or 0.0
        return (0 if system == OURS else 2 if system == NGINX else 1, -rate)

    head = [f"requests/s at {' / '.join(map(str, asked))} connections", *(_column(results.titles[at]) for at in models)]
    rows = [head, ["---"] * len(head)]
    for system in sorted(timed, key=place):
        cells = [" / ".join(_rate(results, model, system, count) for count in asked) for model in models]
        rows.append([names.get(system, system), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _column(title: str) -> str:
    """What stands before ``;``: ``forest: forest of 100 trees; one row a request`` is ``forest of 100 trees``."""
    name, _, words = title.partition(";")[0].partition(": ")
    return words if name in words else f"{name}: {words}"


def _rate(results: Results, model: str, system: str, connections: int) -> str:
    rate = results.middle(model, system, connections, "rate")
    return "-" if rate is None else f"{rate / 1000:.1f}k"
