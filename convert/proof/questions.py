"""Owns what the original is asked for the proof: which rows, in what portions, and what is done where it refuses some.

Knows nothing of ONNX and of how answers are compared.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
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
HARDLY_ANY = ("the model answers hardly any of the rows made up from it", "check it with predict on a usual row")
CHUNK_ROWS = 2000  # what the original is asked at once: some need memory by rows x training rows
COMMON = 0.2  # of the rows may have one answer before others are looked for
STEERED = 0.1  # of all rows
LONGEST_REASON = 300  # characters
FAILURES = 400  # questions that may fail before the rest of a group is given up

Groups = dict[str, Table]


def ask_few_rows(original: Original, features: tuple[Feature, ...]) -> Answers:
    """Enough to build the graph from, so that what has no exporter is refused before 10,000 rows are asked."""
    for rows in FEW_ROWS:
        table = usual(np.random.default_rng(0), features, original.hints, rows)
        if (accepted := ask_by_halves(original, table)) is not None:
            return accepted[1]
    raise Refused(f"{HARDLY_ANY[0]}{_said(original, table)}", HARDLY_ANY[1])


def _said(original: Original, table: Table) -> str:
    """Why the original takes not even one row, in its own words."""
    try:
        original.ask(rows_at(table, slice(0, 1)))
    except Refused:  # it is not there any more
        raise
    except Exception as error:  # noqa: BLE001  whatever it raises is the reason
        return f": {type(error).__name__}: {error}"[:LONGEST_REASON]
    return ""


def ask_proof_rows(
    original: Original, features: tuple[Feature, ...], data: Any | None
) -> tuple[Groups, Mapping[str, Answers]]:
    """The proof rows by group, and the original's answers to them. Raises Refused.

    ``data`` is a person's own table. Made-up rows that the original itself does not accept are left out.
    """
    groups, expected = _ask_synthetic_rows(original, features)
    if data is not None:
        groups["data"] = fit_to_schema(data, features)
        expected["data"] = _ask_user_rows(original, groups["data"])
    return groups, expected


def _ask_synthetic_rows(original: Original, features: tuple[Feature, ...]) -> tuple[Groups, dict[str, Answers]]:
    for more in (1, 2, 8):
        made = synthesise(features, original.hints, ROWS * more)
        asked = {group: ask_by_halves(original, table) for group, table in made.items()}
        accepted = {group: pair for group, pair in asked.items() if pair is not None}
        if "usual" in accepted and sum(length(table) for table, _ in accepted.values()) >= ROWS:
            _steer(original, features, accepted)
            return {g: table for g, (table, _) in accepted.items()}, {
                g: answers for g, (_, answers) in accepted.items()
            }
    raise Refused(*HARDLY_ANY)


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


def ask_by_halves(original: Original, table: Table) -> tuple[Table, Answers] | None:
    """The rows that the original accepts, and its answers; None where it accepts none.

    Where it refuses a table, each half is asked by itself.
    """
    pieces: list[tuple[Table, Answers]] = []
    waiting, failures = [table], 0
    while waiting and failures < FAILURES:
        part = waiting.pop()
        try:
            pieces.append((part, _ask_in_chunks(original, part)))
        except Refused:  # it is not there any more
            raise
        except Exception:  # noqa: BLE001  whatever it raises, it does not take all of these rows
            failures += 1
            middle = length(part) // 2
            if middle:
                waiting += [rows_at(part, slice(middle, None)), rows_at(part, slice(0, middle))]
    if not pieces:
        return None
    return stacked([part for part, _ in pieces]), _joined([answers for _, answers in pieces])


def _ask_in_chunks(original: Original, table: Table) -> Answers:
    starts = range(0, length(table), CHUNK_ROWS)
    return _joined([original.ask(rows_at(table, slice(start, start + CHUNK_ROWS))) for start in starts])


def _joined(parts: list[Answers]) -> Answers:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
