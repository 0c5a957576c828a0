"""Owns the judgement over one model: converted as a person would, then compared over rows of its own. Knows no pages.

The judge is no part of the proof: the original is asked by its own methods, about the rows as its test has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
from sklearn.base import BaseEstimator

from convert.errors import UNFORESEEN, Refused
from convert.inspection import inspect
from convert.job import Converted, convert
from convert.opening.opener import OpenPolicy
from convert.original.self_description import DOCUMENT
from convert.original.table import Table, as_json, rows_at
from convert.proof import questions
from convert.proof.measure import compare
from convert.proof.parity import batched
from convert.proof.rows.synthetic import ROWS
from convert.proof.user_rows import fit_to_schema
from convert.witness.answers import Answers, answer
from server.artefact.metadata import Feature
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.measure import Outcome
from tests.campaigns.realdata.cell import accidents

SINGLE = 1e-3  # within which the answers that a test wrote down, in float32, are those of the file


@dataclass(frozen=True, slots=True)
class Asked:
    """A fitted model (None: it does not open here), its pickle, rows that it takes, answers that somebody wrote down.

    ``made_up``: so many rows the proof has at least; with few, its own rows judge more.
    """

    model: Any
    pickled: bytes
    rows: Any
    expected: Any = None
    made_up: int = ROWS


def judge(asked: Asked) -> Outcome:
    """Converts, and compares every row of the model's own. What is refused is told by its step and reason."""
    setattr(questions, "ROWS", asked.made_up)  # noqa: B010  it is imported there
    try:
        done = convert(asked.pickled, "m", None, OpenPolicy(), lambda *_: None)
        if done.proof.wrong:
            return Outcome("differs", f"no file, not equal in the proof: {done.proof.bad[0]}")
        inspect(done.onnx, golden=True)
    except Refused as refusal:
        said = f"{refusal.where}: {refusal.reason}" if refusal.where else refusal.reason
        return Outcome("breaks" if refusal.remedy.endswith(UNFORESEEN) else "refused", said)
    return _compared(asked, done)


def _compared(asked: Asked, done: Converted) -> Outcome:
    artefact = done.artefact
    rows = widened(asked.rows)
    if artefact.features[0].name == DOCUMENT and getattr(rows, "shape", ())[1:] == (1,):
        rows = np.ravel(rows)
    try:
        expected = answer(asked.model, artefact.kind, rows)
    except Exception as error:  # noqa: BLE001  whatever a library raises
        return Outcome("not fitted", f"the original does not take its own rows: {error}")
    try:
        table = fit_to_schema(_frame(rows, artefact.features), artefact.features)
    except Refused as refusal:
        return Outcome("breaks", f"its own rows do not fit the schema: {refusal.reason}")
    if where := _not_taken(table, artefact.features):
        return Outcome("differs", f"the schema refuses its own rows: {where}")
    got = batched(Runtime(done.onnx), artefact.features, table)
    off = np.any([compare(name, expected, values)[0] > 1 for name, values in got.items()], axis=0)
    if off.any():
        off &= ~accidents(asked.model, artefact, table, expected)
    if not off.any():
        return Outcome("agrees", _in_single(asked.expected, got))
    return Outcome("differs", _told(np.flatnonzero(off), expected, got, table))


def _told(wrong: Any, expected: Answers, got: Answers, table: Table) -> str:
    first = wrong[0]
    pairs = ", ".join(f"{name} {expected[name][first]} but {values[first]}" for name, values in got.items())
    return f"{len(wrong)} of {len(next(iter(got.values())))} rows; {pairs}: {as_json(rows_at(table, [first]))[0]}"


def widened(rows: Any) -> Any:
    """The same numbers in float64, as a file takes them; all else as it is."""
    if isinstance(rows, pandas.DataFrame):
        narrow = {name: np.float64 for name, kind in rows.dtypes.items() if kind in (np.float32, np.float16)}
        return rows.astype(narrow)
    kind = getattr(rows, "dtype", None)
    return rows.astype(np.float64) if kind in (np.float32, np.float16) else rows


def _frame(rows: Any, features: Sequence[Feature]) -> Any:
    if isinstance(rows, pandas.DataFrame):
        return rows
    if hasattr(rows, "toarray"):
        rows = rows.toarray()
    if len(rows) and isinstance(rows[0], dict):
        return pandas.DataFrame(list(rows))
    values = np.asarray(rows, object if isinstance(rows, list) else None)
    if len(features) == 1 and features[0].name == DOCUMENT:
        values = values.reshape(-1)
    return pandas.DataFrame(values if values.ndim > 1 else values.reshape(-1, 1))


def _not_taken(table: Table, features: Sequence[Feature]) -> str:
    """The first value that a server would refuse although the original answers it."""
    for feature in features:
        known = None if feature.categories is None else set(feature.categories)
        for value in table[feature.name]:
            missing = value is None or value != value
            if (missing and not feature.nullable) or (not missing and known is not None and value not in known):
                return f"'{feature.name}' {value!r}"
    return ""


def _in_single(written: Any, got: Answers) -> str:
    """What of the answers that a test wrote down, mostly in float32, is not the file's."""
    wanted = [np.asarray(each) for each in (written if isinstance(written, list) else [written]) if _is_even(each)]
    for name, values in got.items():
        like = [each for each in wanted if each.size == values.size and each.dtype.kind in "fiub"]
        if values.dtype.kind not in "fiub" or not like:
            continue
        near = [np.isclose(each.reshape(values.shape), values, SINGLE, SINGLE, equal_nan=True) for each in like]
        best = max(near, key=np.mean)
        if not best.all():
            rows = int((~best.reshape(len(best), -1).all(axis=1)).sum())
            return f"{rows} of {len(best)} rows of {name} otherwise in the float32 of its test"
    return ""


def _is_even(value: Any) -> bool:
    """Whether this is an array, or lists that make one."""
    try:
        return np.asarray(value).ndim > 0 and not isinstance(value, BaseEstimator)
    except ValueError:
        return False
