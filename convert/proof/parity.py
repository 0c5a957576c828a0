"""Owns the proof: the original's answers against the runtime's, row by row, batched and alone. Knows nothing of files.

The measure is `server.artefact.parity.worst_excess`. Its scale is 1 for probabilities, else the standard deviation of
the original's output over the rows of the same group, so that extreme rows do not loosen the measure for usual ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.graph.graph import Array
from convert.original.original import Answers
from convert.original.table import Table, as_json, for_graph, length, rows_at
from convert.proof.spread import Spread, spread_of
from server.artefact.metadata import Feature
from server.artefact.parity import worst_excess
from server.artefact.runtime import Runtime

TIE = 1e-6
MIDDLE, WIDEST = (
    (0.05, 0.95),
    3.0,
)  # a spread of three times what lies between is one of few answers far away; usual is a third
LIKELY = ("remembered", "beside", "data")  # groups whose rows a client may well send
SHOWN = 5  # worst rows of a failure
TOLD_EVERY = 250  # rows
PIECE = 1000  # rows that are looked through for accidents at once


@dataclass(frozen=True, slots=True)
class Line:
    """One group of rows and one output. ``worst`` is a multiple of what the rule allows; labels have none.

    ``accidents``: rows to which the original's own answer is an accident, so that no difference counts.
    """

    group: str
    way: str
    output: str
    rows: int
    wrong: int
    ties: int
    accidents: int
    worst: float


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that the two answer differently."""

    row: Mapping[str, Any]
    output: str
    way: str
    expected: Any
    got: Any
    excess: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared, and the worst rows where something differs."""

    lines: tuple[Line, ...]
    bad: tuple[BadRow, ...]
    scale: Mapping[str, float]
    spread: Spread = Spread(0, 0.0)

    @property
    def rows(self) -> int:
        """How many rows were compared."""
        first = self.lines[0]
        return sum(line.rows for line in self.lines if (line.output, line.way) == (first.output, first.way))

    @property
    def wrong(self) -> int:
        """How many times a row was answered differently."""
        return sum(line.wrong for line in self.lines)

    @property
    def accidents(self) -> int:
        """How many rows have an answer that is an accident."""
        first = self.lines[0]
        return sum(line.accidents for line in self.lines if (line.output, line.way) == (first.output, first.way))

    @property
    def tie_share(self) -> float:
        """The share of rows whose labels differ and are excused, as the two best scores tie."""
        lines = [line for line in self.lines if line.output == "label"]
        return max((line.ties / line.rows for line in lines), default=0.0)

    @property
    def accident_share(self) -> float:
        """The share of such rows among those like the ones that the model remembers, or your own if that is more."""
        shares = [line.accidents / line.rows for line in self.lines if line.group in LIKELY]
        return max(shares, default=0.0)

    def as_json(self) -> dict[str, Any]:
        """What stands in the file."""
        return {
            "rows": self.rows,
            "wrong": self.wrong,
            "ties": max(line.ties for line in self.lines),
            "accidents": self.accidents,
            "accident_share": self.accident_share,
            "worst": max(line.worst for line in self.lines),
            "scale": dict(self.scale),
            "distinct_answers": self.spread.distinct,
            "commonest_answer": self.spread.commonest,
            "lines": [asdict(line) for line in self.lines],
        }


def prove(
    runtime: Runtime,
    features: Sequence[Feature],
    groups: Mapping[str, Table],
    expected: Mapping[str, Answers],
    accidents: Mapping[str, Array],
    tell: Callable[[float], None] = lambda _: None,
) -> Proof:
    """Compares every output on every row of every group. ``expected`` has the original's answers by group.

    ``accidents`` [rows] by group: to which rows the original's answer is an accident; a group without any is not in it.
    ``tell`` is told the share of rows that are compared, now and then.
    """
    lines: list[Line] = []
    bad: list[BadRow] = []
    rows, before = sum(map(length, groups.values())), 0
    for group, table in groups.items():
        answers = expected[group]
        excused = accidents.get(group, np.zeros(length(table), np.bool_))
        single = alone(runtime, features, table, _later(tell, before, rows))
        before += length(table)
        for way, got in (("batched", batched(runtime, features, table)), ("alone", single)):
            named = {name: _like(raw, answers[name]) for name, raw in zip(answers, got.values(), strict=True)}
            for output, values in answers.items():
                excess, ties = compare(output, answers, named[output])
                excess = np.where(excused, 0.0, excess)
                wrong = excess > 1
                lines.append(_line(group, way, output, excess, wrong, (ties, int(excused.sum()))))
                bad += _worst(table, output, way, values, named[output], np.where(wrong, excess, 0))
    bad.sort(key=lambda row: -row.excess)
    return Proof(tuple(lines), tuple(bad[:SHOWN]), _scales(expected), spread_of(expected))


def _later(tell: Callable[[float], None], before: int, rows: int) -> Callable[[int], None]:
    return lambda done: tell((before + done) / rows)


def _like(got: Array, expected: Array) -> Array:
    """A stranger's file may give a vector as a matrix of one column; that is no difference."""
    return got.reshape(-1) if expected.ndim == 1 and got.shape[1:] == (1,) else got


def _line(group: str, way: str, output: str, excess: Array, wrong: Array, excused: tuple[int, int]) -> Line:
    worst = 0.0 if output == "label" else float(min(np.max(excess, initial=0.0), 1e308))
    return Line(group, way, output, len(excess), int(wrong.sum()), *excused, worst)


def find_accidents(graph: Runtime | None, features: Sequence[Feature], groups: Mapping[str, Table]) -> dict[str, Array]:
    """Which rows [rows] of each group ``graph`` marks; nothing without a graph."""
    if graph is None:
        return {}
    return {group: _marked(graph, features, table) for group, table in groups.items()}


def _marked(graph: Runtime, features: Sequence[Feature], table: Table) -> Array:
    """In pieces: it holds several matrices of rows x training rows at once, where the model holds one."""
    pieces = [rows_at(table, slice(start, start + PIECE)) for start in range(0, length(table), PIECE)]
    return np.concatenate([next(iter(batched(graph, features, piece).values())) for piece in pieces])


def batched(runtime: Runtime, features: Sequence[Feature], table: Table) -> dict[str, Array]:
    """All rows in one run, by output name."""
    names = [output.name for output in runtime.outputs]
    return dict(zip(names, runtime.run(names, for_graph(table, features)), strict=True))


def alone(runtime: Runtime, features: Sequence[Feature], table: Table, tell: Callable[[int], None]) -> dict[str, Array]:
    """Each row in a run of its own, by output name; ``tell`` is told how many are done, now and then."""
    names = [output.name for output in runtime.outputs]
    feed = for_graph(table, features)
    runs = []
    for i in range(length(table)):
        runs.append(runtime.run(names, {name: values[i : i + 1] for name, values in feed.items()}))
        if i % TOLD_EVERY == 0:
            tell(i)
    return {name: np.concatenate([run[position] for run in runs]) for position, name in enumerate(names)}


def compare(output: str, answers: Answers, got: Array) -> tuple[npt.NDArray[np.float64], int]:
    """Per row how far off this output is (above 1: wrong), and how many labels differ in rows that are ties."""
    expected = answers[output]
    if got.shape != expected.shape:
        return np.full(len(expected), np.inf), 0
    if output == "label":
        differ = _by_row(np.asarray(expected != got, np.float64))
        tied = margins(answers) < TIE
        return np.where(tied, 0.0, differ * 2), int(np.sum(tied & (differ > 0)))
    if expected.dtype.kind == "O":
        return _by_row(np.asarray(expected != got, np.float64)) * 2, 0
    excess = [worst_excess(expected, got, 1.0)] if output.startswith("probabilities") else _by_column(expected, got)
    return _by_row(np.concatenate([part.reshape(len(expected), -1) for part in excess], axis=1)), 0


def _by_column(expected: Array, got: Array) -> list[Array]:
    a, b = expected.reshape(len(expected), -1), got.reshape(len(expected), -1)
    return [worst_excess(a[:, [i]], b[:, [i]], scale_of(a[:, i])) for i in range(a.shape[1])]


def scale_of(values: Array) -> float:
    """The standard deviation of the finite values, but no more than the width of the nine tenths in the middle allows.

    So a few answers that are far from all others do not loosen the measure for these. Their size where none varies.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 1.0
    size = float(np.max(np.abs(finite)))
    if not size:
        return 1.0
    low, high = np.quantile(finite / size, MIDDLE)
    whole, middle = float(np.std(finite / size)), float(high - low) * WIDEST
    return (min(whole, middle) or whole or 1.0) * size


def _scales(expected: Mapping[str, Answers]) -> dict[str, float]:
    """The scale of each output over the usual rows: what a golden check needs."""
    answers = next(iter(expected.values()))
    return {
        name: 1.0 if name.startswith("probabilities") else scale_of(np.asarray(values, np.float64).ravel())
        for name, values in answers.items()
        if name != "label" and values.dtype.kind != "O"
    }


def margins(answers: Answers) -> npt.NDArray[np.float64]:
    """By how much the best class leads in each row; infinite where the model gives no scores."""
    scores = [values for name, values in answers.items() if name == "scores" or name.startswith("probabilities")]
    sets = answers["label"].ndim == 2  # each label of a set has a score of its own
    leads = [np.abs(s).min(axis=1) if sets and s.shape == answers["label"].shape else _lead(s) for s in scores]
    rows = len(answers["label"])
    return np.min(leads, axis=0) if leads else np.full(rows, np.inf)


def _lead(scores: Array) -> Array:
    if scores.ndim == 1:
        return np.abs(scores)
    if scores.shape[1] < 2:
        return np.full(len(scores), np.inf)
    best = np.sort(scores, axis=1)
    return np.asarray(best[:, -1] - best[:, -2])


def _by_row(values: Array) -> npt.NDArray[np.float64]:
    flat = values.reshape(len(values), -1)
    return np.asarray(flat.max(axis=1) if flat.shape[1] else np.zeros(len(values)), np.float64)


def _worst(table: Table, output: str, way: str, expected: Array, got: Array, excess: Array) -> list[BadRow]:
    order = [i for i in np.argsort(-excess)[:SHOWN] if excess[i] > 1]
    rows = as_json(rows_at(table, order))
    return [
        BadRow(dict(zip(table, row, strict=True)), output, way, _item(expected, i), _item(got, i), float(excess[i]))
        for row, i in zip(rows, order, strict=True)
    ]


def _item(values: Array, position: int) -> Any:
    if position >= len(values):
        return None
    value = values[position]
    return value.tolist() if hasattr(value, "tolist") else value
