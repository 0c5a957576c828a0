"""Owns the text of `GET /metrics`: the scoreboard's families in Prometheus' format. Knows no requests.

Only what has happened has a series: a thousand models of which ten are asked are the series of ten.
docs/decisions.md: "Metrics stand in shared memory, their text is ours".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType

from server import __version__
from server.metrics.families import MODEL_FAMILIES, SERVER_FAMILIES, Family
from server.metrics.scoreboard import Scoreboard

PIECE_SAMPLES = 1000  # lines of one piece, about 0.2 ms of work: the loop turns between two


def exposition(scoreboard: Scoreboard, workers: int) -> bytes:
    """Every family, summed over all workers. ``workers``: the planned number."""
    return b"".join(exposition_pieces(scoreboard, workers))


def exposition_pieces(
    scoreboard: Scoreboard, workers: int, gauges: Mapping[str, tuple[str, float]] = MappingProxyType({})
) -> Iterator[bytes]:
    """The text of `exposition`, each piece made when it is asked for; all numbers are of the first moment.

    ``gauges``: by name, the help and the number of what does not stand on the scoreboard; names may have labels.
    """
    piece: list[str] = []
    for lines in _parts(scoreboard, workers, gauges):
        if len(piece) + len(lines) >= PIECE_SAMPLES:
            yield "".join(piece).encode()
            piece = []
        piece += lines
    yield "".join(piece).encode()


def _parts(scoreboard: Scoreboard, workers: int, gauges: Mapping[str, tuple[str, float]]) -> Iterator[Sequence[str]]:
    """The lines, those of one version and family at a time."""
    totals = scoreboard.totals_of_asked()
    labels = [f'model="{model}",version="{version}"' for model, version in totals]
    build = f'{{version="{__version__}"}}'
    yield [*_head("dynonnx_build_info", "gauge", "Version of the server"), f"dynonnx_build_info{build} 1\n"]
    yield [*_head("dynonnx_workers", "gauge", "Worker processes that should serve"), f"dynonnx_workers {workers}\n"]
    for name, (text, number) in gauges.items():
        yield [*_head(name.partition("{")[0], "gauge", text), f"{name} {number!r}\n"]
    for family in SERVER_FAMILIES:
        yield _head(family.name, family.kind, family.text)
        yield _lines(family, "", scoreboard.server_totals(family.name))
    for family in MODEL_FAMILIES:
        yield _head(family.name, family.kind, family.text)
        for label, own in zip(labels, totals.values(), strict=True):
            yield _lines(family, label, own.of(family.name))


def _lines(family: Family, of: str, cells: Sequence[float]) -> list[str]:
    """The samples of a family, of a version by its labels ``of`` or of the server, without what never happened."""
    lines: list[str] = []
    for at, (label_set, template) in enumerate(_TEMPLATES[family.name].items()):
        own = cells[at * family.width : (at + 1) * family.width]
        values = _shown(family, own)
        if family.kind == "gauge" or any(own):
            labels = ",".join(filter(None, (of, label_set)))
            lines += [line % (labels, value) for line, value in zip(template, values, strict=True)]
    return lines


def _shown(family: Family, cells: Sequence[float]) -> Sequence[float]:
    """The numbers of the samples of one label set."""
    if family.kind == "histogram":
        cumulated = list(accumulate(cells[:-1]))
        return [*cumulated, cells[-1], cumulated[-1]]
    return [sum(cells)]


def _template(family: Family, labelled: bool) -> tuple[str, ...]:
    """The lines of one label set; ``%s`` stands for its labels, ``%r`` for a number.

    Model names and versions have no character that needs an escape.
    """
    plain = "{%s} %r\n" if labelled else "%s %r\n"
    if family.kind != "histogram":
        return (f"{family.name}{plain}",)
    comma = "," if labelled else ""
    bounds = (*map(str, family.buckets), "+Inf")
    buckets = tuple(f'{family.name}_bucket{{%s{comma}le="{bound}"}} %r\n' for bound in bounds)
    return (*buckets, f"{family.name}_sum{plain}", f"{family.name}_count{plain}")


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}\n", f"# TYPE {name} {kind}\n"


_TEMPLATES = {
    family.name: {label_set: _template(family, labelled=bool(of_model or label_set)) for label_set in family.label_sets}
    for families, of_model in ((MODEL_FAMILIES, True), (SERVER_FAMILIES, False))
    for family in families
}
