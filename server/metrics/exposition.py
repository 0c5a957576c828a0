"""Owns the text of `GET /metrics`: the scoreboard's families in Prometheus' format. Knows no requests.

docs/decisions.md: "Metrics stand in shared memory, their text is ours".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from server import __version__
from server.metrics.families import MODEL_FAMILIES, SERVER_FAMILIES, Family
from server.metrics.scoreboard import Scoreboard

PIECE_SAMPLES = 1000  # of one piece, about 0.2 ms of work: the loop turns between two


def exposition(scoreboard: Scoreboard, workers: int) -> bytes:
    """Every family, summed over all workers. ``workers``: the planned number."""
    return b"".join(exposition_pieces(scoreboard, workers))


def exposition_pieces(scoreboard: Scoreboard, workers: int) -> Iterator[bytes]:
    """The text of `exposition`, each piece made when it is asked for; all numbers are of the first moment."""
    versions = dict(scoreboard.blocks)
    labels = [f'model="{model}",version="{version}"' for model, version in versions]
    totals = scoreboard.block_totals(list(versions.values()))
    yield _head("dynonnx_build_info", "gauge", "Version of the server").encode()
    yield f'dynonnx_build_info{{version="{__version__}"}} 1\n'.encode()
    yield _head("dynonnx_workers", "gauge", "Worker processes that should serve").encode()
    yield f"dynonnx_workers {workers}\n".encode()
    for family in SERVER_FAMILIES:
        values = _shown(family, scoreboard.server_totals(family.name))
        yield (_head(family.name, family.kind, family.text) + _SERVER_TEMPLATES[family.name] % tuple(values)).encode()
    for family in MODEL_FAMILIES:
        yield _head(family.name, family.kind, family.text).encode()
        at_once = max(1, PIECE_SAMPLES // _samples(family))
        for start in range(0, len(labels), at_once):
            piece = slice(start, start + at_once)
            cells = [each.of(family.name) for each in totals[piece]]
            yield _model_samples(family, labels[piece], cells).encode()


def _model_samples(family: Family, labels: Sequence[str], cells: Sequence[Sequence[float]]) -> str:
    """The samples of one family for several versions, by their labels."""
    filled: list[object] = []
    for label, own in zip(labels, cells, strict=True):
        values = _shown(family, own)
        pairs: list[object] = [label] * (2 * len(values))
        pairs[1::2] = values
        filled += pairs
    return (_MODEL_TEMPLATES[family.name] * len(labels)) % tuple(filled)


def _shown(family: Family, cells: Sequence[float]) -> Sequence[float]:
    """The numbers of a family's samples."""
    if family.kind == "histogram":
        cumulated = list(accumulate(cells[:-1]))
        return [*cumulated, cells[-1], cumulated[-1]]
    return [sum(cells)] if family.buckets else cells


def _samples(family: Family) -> int:
    return len(_names(family))


def _names(family: Family) -> list[tuple[str, str]]:
    """Name and own label of each sample of a family."""
    if family.kind == "histogram":
        buckets = [(f"{family.name}_bucket", f'le="{bound}"') for bound in (*map(str, family.buckets), "+Inf")]
        return [*buckets, (f"{family.name}_sum", ""), (f"{family.name}_count", "")]
    if family.buckets or family.label is None:
        return [(family.name, "")]
    return [(family.name, f'{family.label}="{value}"') for value in family.label_values]


def _template(family: Family, of_model: bool) -> str:
    """The lines of one version or of the server; ``%s`` stands for a version's labels, ``%r`` for a number.

    Model names and versions have no character that needs an escape.
    """
    lines = []
    for name, own in _names(family):
        labels = ",".join(filter(None, ("%s" if of_model else "", own)))
        lines.append(f"{name}{{{labels}}} %r\n" if labels else f"{name} %r\n")
    return "".join(lines)


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


_MODEL_TEMPLATES = {family.name: _template(family, of_model=True) for family in MODEL_FAMILIES}
_SERVER_TEMPLATES = {family.name: _template(family, of_model=False) for family in SERVER_FAMILIES}
