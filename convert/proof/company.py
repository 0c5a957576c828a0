"""Owns whether the original answers a row by itself, whichever rows are beside it. Knows nothing of graphs.

A graph answers each row alone. An original that looks at the number of rows, at their order, or at what it answered
before is one that no file repeats, though over the rows of a proof the two may agree. One that stops when all rows of
a call rest is repeated as it answers a row alone, if a person says so; by how much that differs is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from convert.errors import Refused
from convert.exporters.stopping import stops_together
from convert.graph.graph import Array
from convert.original.original import Answers, Original
from convert.original.table import Table, length, rows_at
from convert.proof.measure import compare
from convert.proof.questions import ask_by_halves
from convert.proof.rows.usual import usual
from convert.tracing.steps import own_steps
from server.artefact.metadata import Feature
from server.artefact.parity import RELATIVE_TOLERANCE

ALONE = 3  # rows of each group
REVERSED = 200  # rows
SIZES = (2, 5, 17, 65, 257, 1025, 4097, 16385)  # rows of the questions to a person's own code
PLAIN = ("usual", "thresholds", "splits", "whole", "data")  # elsewhere the last digit of a product may decide
WITH_MISSING = ("missing",)
TOGETHER = 200  # rows that are asked together and alone


@dataclass(frozen=True, slots=True)
class Company:
    """How an original that stops when all rows of a call rest answers ``rows`` together: ``differ`` of them otherwise
    than alone, by up to ``worst``, a share of the answer or of how far answers spread."""

    rows: int
    differ: int
    worst: float


def ask_alone(original: Original) -> Original:
    """The original, asked about one row after another where it stops when all rows of a call rest."""
    return original if stops_together(original.model) is None else replace(original, alone=True)


def measure_company(original: Original, features: tuple[Feature, ...], allowed: bool) -> Company | None:
    """How much usual rows hang on each other where the original is asked about each alone; else None.

    Raises Refused where it is and that is not ``allowed``.
    """
    if not original.alone:
        return None
    rows = usual(np.random.default_rng(0), features, original.hints, TOGETHER)
    accepted = ask_by_halves(original, rows)
    rows, alone = accepted if accepted is not None else ({}, {})
    together = original.ask_together(rows) if accepted is not None else {}
    excess = {output: compare(output, alone, together[output])[0] for output in alone}
    differ = int(np.sum(np.any([far > 1 for far in excess.values()], axis=0))) if excess else 0
    numbers = [np.max(far, initial=0.0) for output, far in excess.items() if output != "label"]
    found = Company(length(rows) if excess else 0, differ, float(max(numbers, default=0.0)) * RELATIVE_TOLERANCE)
    if allowed:
        return found
    raise Refused(
        f"{type(stops_together(original.model)).__name__} stops looking when all rows of a call together hardly change:"
        f" of {found.rows} rows asked together scikit-learn answers {found.differ} otherwise than alone, by up to"
        f" {found.worst:.2g} of their size, and no file can answer both ways",
        "take what it answers to a row alone with --alone, or fit NMF with solver='cd', tol=1e-9, max_iter=5000 and"
        " at most 10 components",
    )


def refuse_company(
    original: Original, groups: Mapping[str, Table], expected: Mapping[str, Answers], accidents: Mapping[str, Array]
) -> None:
    """Raises Refused where rows are answered otherwise alone, in another order or among many than they were before."""
    own = any(own_steps(original.model))
    for group in (*PLAIN, *WITH_MISSING) if own else PLAIN:
        if group in groups:
            fit = np.flatnonzero(~accidents.get(group, np.zeros(length(groups[group]), np.bool_)))
            if not own:  # what is missing throughout an imputer guesses from the rows beside it: docs/convert.md
                fit = fit[_are_whole(rows_at(groups[group], fit))]
            for rows in _asked_again(len(fit), own and group == "usual"):
                _compare(original, groups[group], expected[group], fit[rows])


def _are_whole(table: Table) -> Array:
    """[rows]: whether each has all its values."""
    gone = [np.array([v is None or v != v for v in values.tolist()], np.bool_) for values in table.values()]
    return np.asarray(~np.any(gone, axis=0))


def _asked_again(count: int, many: bool) -> Iterator[Array]:
    """Positions of rows, question by question."""
    order = np.random.default_rng(0).permutation(count)
    yield from order[:ALONE].reshape(-1, 1)
    yield order[:REVERSED]
    if many:
        yield from (np.resize(order, size) for size in SIZES)


def _compare(original: Original, table: Table, answers: Answers, rows: Array) -> None:
    try:
        again = original.ask(rows_at(table, rows)) if len(rows) else {}
    except Refused:  # it is not there any more
        raise
    except Exception:  # noqa: BLE001  what it does not take so, it does not answer otherwise
        return
    for output, values in again.items():
        told = _comparable(answers[output][rows])
        if values.size != told.size:
            raise _hanging(len(rows))
        values = _comparable(values.reshape(told.shape))  # scikit-learn's SparsePCA answers one row with a vector
        if np.array_equal(told, values, equal_nan=told.dtype.kind == "f"):
            continue  # so nearly always; the measure looks at all rows of the table
        known = {name: _comparable(column) for name, column in answers.items()}
        got = known[output].copy()
        for start in range(0, len(rows), len(got)):  # a row may have been asked more than once
            got[rows[start : start + len(got)]] = values[start : start + len(got)]
            if (compare(output, known, got)[0] > 1).any():
                raise _hanging(len(rows))


def _comparable(values: Array) -> Array:
    """Of objects a missing one is None, which unlike NaN is equal to itself."""
    plain = values.copy()
    if plain.dtype.kind == "O":
        plain[plain != plain] = None
    return plain


def _hanging(rows: int) -> Refused:
    way = "alone" if rows == 1 else f"as one of {rows:,} in another order"
    return Refused(
        f"it answers the same row otherwise {way}: that hangs on the rows beside it or on what it was asked before",
        "a file answers each row by itself: fix in fit what is now found in the rows, their number or their order",
    )
