"""Owns the text of `GET /metrics`: the scoreboard's families in Prometheus' format. Knows no requests.

docs/decisions.md: "Metrics stand in shared memory, their text is ours".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from server import __version__
from server.metrics.families import MODEL_FAMILIES, SERVER_FAMILIES, Family
from server.metrics.scoreboard import Scoreboard


def exposition(scoreboard: Scoreboard, workers: int) -> bytes:
    """Every family, summed over all workers. ``workers``: the planned number."""
    lines = [*_head("dynonnx_build_info", "gauge", "Version of the server")]
    lines.append(f'dynonnx_build_info{{version="{__version__}"}} 1')
    lines += [*_head("dynonnx_workers", "gauge", "Worker processes that should serve"), f"dynonnx_workers {workers}"]
    for family in SERVER_FAMILIES:
        lines += _head(family.name, family.kind, family.text)
        lines += _samples(family, {}, scoreboard.server_totals(family.name))
    for family in MODEL_FAMILIES:
        lines += _head(family.name, family.kind, family.text)
        for (model, version), block in scoreboard.blocks.items():
            lines += _samples(family, {"model": model, "version": version}, scoreboard.totals(block, family.name))
    return ("\n".join(lines) + "\n").encode()


def _samples(family: Family, labels: Mapping[str, str], cells: Sequence[float]) -> Iterator[str]:
    if family.kind == "histogram":
        yield from _histogram(family, labels, cells)
        return
    if family.buckets:
        yield f"{family.name}{_labels(labels)} {sum(cells)!r}"
        return
    for value, number in zip(family.label_values, cells, strict=True):
        own = {family.label: value} if family.label else {}
        yield f"{family.name}{_labels({**labels, **own})} {number!r}"


def _histogram(family: Family, labels: Mapping[str, str], cells: Sequence[float]) -> Iterator[str]:
    *counts, total = cells
    seen = 0.0
    for bound, count in zip((*map(str, family.buckets), "+Inf"), counts, strict=True):
        seen += count
        yield f"{family.name}_bucket{_labels({**labels, 'le': bound})} {seen!r}"
    yield f"{family.name}_sum{_labels(labels)} {total!r}"
    yield f"{family.name}_count{_labels(labels)} {seen!r}"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    """Labels in the format. Model names and versions have no character that needs an escape."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""
