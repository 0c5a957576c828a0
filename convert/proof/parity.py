"""Owns the proof: the original's answers against the runtime's, row by row, batched and alone. Knows nothing of files
and leaves it to `measure` what is equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from convert.graph.graph import Array
from convert.original.original import Answers
from convert.original.table import Table, as_json, for_graph, length, rows_at
from convert.proof.company import Company
from convert.proof.measure import compare, scale_of
from convert.proof.spread import Spread, spread_of
from server.artefact.metadata import Feature
from server.artefact.runtime import Runtime

LIKELY = ("usual", "remembered", "beside", "data")  # groups whose rows a client may well send
SHOWN = 5  # worst rows of a failure
TOLD_EVERY = 250  # rows
ALONE, LEAST_ALONE = 0.1, 100  # of the rows of a group, asked alone where the graph is known to keep rows apart
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
    company: Company | None = None
    unsure: tuple[str, ...] = ()  # columns of which nothing tells whether they hold texts or numbers

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
        lines = [line for line in self._over_all_rows() if line.output == "label"]
        return max((line.ties / line.rows for line in lines), default=0.0)

    @property
    def accident_share(self) -> float:
        """The share of such rows among usual ones, those like the ones that the model remembers, or yours: the most."""
        shares = [line.accidents / line.rows for line in self._over_all_rows() if line.group in LIKELY]
        return max(shares, default=0.0)

    def _over_all_rows(self) -> list[Line]:
        """The lines but for those of a few rows of a group, whose shares are chance."""
        rows = {line.group: line.rows for line in self.lines if line.way == self.lines[0].way}
        return [line for line in self.lines if line.rows == rows[line.group]]

    def as_json(self) -> dict[str, Any]:
        """What stands in the file; of company only where each row was asked alone."""
        company = {} if self.company is None else {"company": asdict(self.company)}
        unsure = {"unsure": list(self.unsure)} if self.unsure else {}
        return {
            **company,
            **unsure,
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
    company: Company | None = None,
    apart: bool = False,
    unsure: Sequence[str] = (),
) -> Proof:
    """Compares every output on every row of every group. ``expected`` has the original's answers by group.

    ``accidents`` [rows] by group: to which rows the original's answer is an accident; a group without any is not in it.
    ``tell`` is told the share of rows that are compared, now and then. ``apart``: the graph itself shows that a row is
    answered alone as beside others, up to rounding; then some rows of each group are asked alone, else all.
    ``company``: what others beside a row do to it. ``unsure``: see `Proof`.
    """
    lines: list[Line] = []
    bad: list[BadRow] = []
    rows, before = sum(map(length, groups.values())), 0
    for group, table in groups.items():
        answers = expected[group]
        excused = accidents.get(group, np.zeros(length(table), np.bool_))
        few = _asked_alone(length(table), apart)
        told = _later(tell, before, rows, length(table) / max(1, len(few)))
        before += length(table)
        together = batched(runtime, features, table)
        single = alone(runtime, features, rows_at(table, few), told)
        everywhere = {name: _in_place(together[name], values, few) for name, values in single.items()}
        for way, got, chosen in (("batched", together, np.arange(length(table))), ("alone", everywhere, few)):
            named = {name: _like(raw, answers[name]) for name, raw in zip(answers, got.values(), strict=True)}
            for output, values in answers.items():
                excess, ties = compare(output, answers, named[output], chosen)
                excess = np.where(excused[chosen], 0.0, excess)
                lines.append(_line(group, way, output, excess, (ties, int(excused[chosen].sum()))))
                bad += _worst(table, output, way, values, named[output], (chosen, excess))
    bad.sort(key=lambda row: -row.excess)
    return Proof(tuple(lines), tuple(bad[:SHOWN]), _scales(expected), spread_of(expected), company, tuple(unsure))


def _asked_alone(rows: int, apart: bool) -> Array:
    """The positions of the rows that are asked alone: all, or evenly chosen ones, the first among them."""
    few = min(rows, max(LEAST_ALONE, int(rows * ALONE))) if apart else rows
    return np.arange(few) * rows // max(1, few)


def _in_place(together: Array, single: Array, few: Array) -> Array:
    """All answers of a group, those of rows that were asked alone in their places."""
    if single.shape != (len(few), *together.shape[1:]):
        return single  # of another shape, which no comparison takes for equal
    merged = together.astype(np.result_type(together, single))
    merged[few] = single
    return merged


def _later(tell: Callable[[float], None], before: int, rows: int, each: float) -> Callable[[int], None]:
    return lambda done: tell((before + done * each) / rows)


def _like(got: Array, expected: Array) -> Array:
    """A stranger's file may give a vector as a matrix of one column; that is no difference."""
    return got.reshape(-1) if expected.ndim == 1 and got.shape[1:] == (1,) else got


def _line(group: str, way: str, output: str, excess: Array, excused: tuple[int, int]) -> Line:
    worst = 0.0 if output == "label" else float(min(np.max(excess, initial=0.0), 1e308))
    return Line(group, way, output, len(excess), int((excess > 1).sum()), *excused, worst)


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


def _scales(expected: Mapping[str, Answers]) -> dict[str, float]:
    """The scale of each output over the usual rows: what a golden check needs."""
    answers = next(iter(expected.values()))
    return {
        name: 1.0 if name.startswith("probabilities") else scale_of(np.asarray(values, np.float64).ravel())
        for name, values in answers.items()
        if name != "label" and values.dtype.kind != "O"
    }


def _worst(
    table: Table, output: str, way: str, expected: Array, got: Array, differ: tuple[Array, Array]
) -> list[BadRow]:
    """The worst of some rows; ``differ``: which these are, and by how much [rows]."""
    chosen, excess = differ
    order = [at for at in np.argsort(-excess)[:SHOWN] if excess[at] > 1]
    positions = chosen[order]
    rows = as_json(rows_at(table, positions))
    return [
        BadRow(dict(zip(table, row, strict=True)), output, way, _item(expected, i), _item(got, i), float(excess[at]))
        for row, i, at in zip(rows, positions, order, strict=True)
    ]


def _item(values: Array, position: int) -> Any:
    if position >= len(values):
        return None
    value = values[position]
    return value.tolist() if hasattr(value, "tolist") else value
