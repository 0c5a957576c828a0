"""Owns what the original is asked for the proof: which rows, in what portions, and what is done where it refuses some.

Knows nothing of ONNX and of how answers are compared.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.original.original import Answers, Original
from convert.original.table import Table, length, rows_at, stacked
from convert.proof.rows.synthetic import ROWS, synthesise
from convert.proof.rows.usual import usual
from convert.proof.spread import spread_of
from convert.proof.steering import steer
from convert.proof.user_rows import fit_to_schema
from server.artefact.metadata import Feature

FEW_ROWS = (10, 1000)
HARDLY_ANY = "the model answers hardly any of the rows made up from it"
ANSWER_MORE = "check it with predict on a usual row; what refuses others may get a step before it that fills or clips"
CHUNK_ROWS = 2000  # what the original is asked at once: some need memory by rows x training rows
COMMON = 0.2  # of the rows may have one answer before others are looked for
STEERED = 0.1  # of all rows
LONGEST_REASON = 300  # characters
FAILURES = 400  # questions that may fail before the rest of a group is given up
FIRST_FAILURES, LEAST_YIELD = 100, 2  # after so many it is given up where less rows were accepted for each than these
MOST = 8  # times the rows of a proof are made where many are refused

Groups = dict[str, Table]


def ask_few_rows(original: Original, features: tuple[Feature, ...]) -> Answers:
    """Enough to build the graph from, so that what has no exporter is refused before 10,000 rows are asked."""
    for rows in FEW_ROWS:
        found = _asked_by_halves(original, usual(np.random.default_rng(0), features, original.hints, rows))
        if found.pieces:
            return found.answers()
    raise Refused(_hardly_any(found.reason), ANSWER_MORE)


def _hardly_any(*reasons: str) -> str:
    """With why the original takes not even one row, in its own words."""
    said = next((": " + reason for reason in reasons if reason), "")
    return f"{HARDLY_ANY}{said[:LONGEST_REASON]}"


def ask_proof_rows(
    original: Original, features: tuple[Feature, ...], data: Any | None, seed: int = 0
) -> tuple[Groups, Mapping[str, Answers]]:
    """The proof rows by group, and the original's answers to them. Raises Refused.

    ``data`` is a person's own table. Made-up rows, which hang on the ``seed``, are left out where the original itself
    does not accept them.
    """
    groups, expected = _ask_synthetic_rows(original, features, seed)
    if data is not None:
        groups["data"] = fit_to_schema(data, features)
        expected["data"] = _ask_user_rows(original, groups["data"])
    return groups, expected


def _ask_synthetic_rows(
    original: Original, features: tuple[Feature, ...], seed: int
) -> tuple[Groups, dict[str, Answers]]:
    for more in (1, 2, MOST):
        made = synthesise(features, original.hints, ROWS * more, seed)
        asked = {group: _asked_by_halves(original, table) for group, table in made.items()}
        accepted = {group: (found.table(), found.answers()) for group, found in asked.items() if found.pieces}
        if "usual" in accepted and sum(found.rows for found in asked.values()) >= ROWS:
            _steer(original, features, accepted)
            return {g: table for g, (table, _) in accepted.items()}, {
                g: answers for g, (_, answers) in accepted.items()
            }
        if sum(found.rows * (1 if found.given_up else MOST // more) for found in asked.values()) < ROWS:
            break  # of a group that was given up no more are accepted where it has more rows
    raise Refused(_hardly_any(*(found.reason for found in asked.values())), ANSWER_MORE)


def _steer(original: Original, features: tuple[Feature, ...], accepted: dict[str, tuple[Table, Answers]]) -> None:
    """Adds rows with other answers where one answer is that of too many."""
    if spread_of({group: answers for group, (_, answers) in accepted.items()}).commonest > COMMON:
        ask = functools.partial(ask_by_halves, original)
        accepted["steered"] = steer(ask, features, original.hints, accepted["usual"], int(ROWS * STEERED))


def _ask_user_rows(original: Original, data: Table) -> Answers:
    try:
        return _ask_in_chunks(original, data)
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"the original does not take the rows of --data: {error}", "give rows it was made for") from error


@dataclass(slots=True)
class _Accepted:
    """Rows that the original accepts with its answers, piece by piece; ``reason``: why it refused the last others."""

    pieces: list[tuple[Table, Answers]] = field(default_factory=list)
    rows: int = 0
    reason: str = ""
    given_up: bool = False

    def add(self, table: Table, answers: Answers) -> None:
        self.pieces.append((table, answers))
        self.rows += length(table)

    def table(self) -> Table:
        return stacked([table for table, _ in self.pieces])

    def answers(self) -> Answers:
        return _joined([answers for _, answers in self.pieces])


def ask_by_halves(original: Original, table: Table) -> tuple[Table, Answers] | None:
    """The rows that the original accepts, and its answers; None where it accepts none.

    Where it refuses a table, each half is asked by itself.
    """
    found = _asked_by_halves(original, table)
    return (found.table(), found.answers()) if found.pieces else None


def _asked_by_halves(original: Original, table: Table) -> _Accepted:
    found, waiting, failures = _Accepted(), [table], 0
    while waiting:
        part = waiting.pop()
        try:
            found.add(part, _ask_in_chunks(original, part))
        except Refused:  # it is not there any more
            raise
        except Exception as error:  # noqa: BLE001  whatever it raises, it does not take all of these rows
            failures += 1
            found.reason = " ".join(f"{type(error).__name__}: {error}".split())
            middle = length(part) // 2
            if middle:
                waiting += [rows_at(part, slice(middle, None)), rows_at(part, slice(0, middle))]
            if failures == FAILURES or (failures == FIRST_FAILURES and found.rows < FIRST_FAILURES * LEAST_YIELD):
                found.given_up = bool(waiting)
                break
    return found


def _ask_in_chunks(original: Original, table: Table) -> Answers:
    starts = range(0, length(table), CHUNK_ROWS)
    return _joined([original.ask(rows_at(table, slice(start, start + CHUNK_ROWS))) for start in starts])


def _joined(parts: list[Answers]) -> Answers:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
