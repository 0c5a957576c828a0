"""Owns whether the original answers a row alike however a table holds its values. Knows nothing of graphs.

A file takes numbers and texts. What a person's code sees are whole numbers or floats, booleans or the numbers 1 and 0,
texts as objects or as pandas has them by itself, and code may ask which: ``X[c].dtype == "int64"``, ``select_dtypes``,
an array like what it got, ``map({1: ..., 0: ...})``, which knows no boolean.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import replace
from types import CodeType
from typing import Any

import numpy as np
import pandas
from sklearn.preprocessing import FunctionTransformer

from convert.errors import Refused
from convert.inside import inside
from convert.original.original import Answers, Original
from convert.original.table import Table, rows_at
from convert.proof.measure import compare
from convert.proof.questions import ask_by_halves
from convert.proof.rows.usual import usual, within
from convert.tracing.steps import own_steps
from server.artefact.metadata import Feature

ROWS, PIECE = 240, 20  # a piece that it does not take tells nothing
COUNTS = 10  # in the first half of the rows numbers are below this, as counts and ratings are
COARSE = 1000.0  # times what the rule allows: functions of numpy's round what they make of booleans to three digits


def refuse_holdings(original: Original, features: tuple[Feature, ...], data: Any | None) -> None:
    """Raises Refused where own code answers otherwise to whole numbers than to the same as floats, or to texts as
    pandas holds them than to objects. ``data`` shows which of these a person's tables have."""
    if not any(_functions(original.model)):
        return
    accepted = ask_by_halves(original, _rows(original, features))
    if accepted is None:
        return
    table, answers = accepted
    whole = [feature.name for feature in features if feature.dtype == "float64" and feature.unit is None]
    if data is not None:
        whole = [name for name in whole if name in _whole_columns(data, features)]
    if whole and _differs(original, {n: v.astype(np.int64) if n in whole else v for n, v in table.items()}, answers):
        raise Refused(
            "its code answers whole numbers (int64) otherwise than the same as floats, and a file does not know which"
            " of the two a table holds",
            "begin with X = X.astype(float), and fit it so"
            + (", or give rows that show which columns are whole numbers: --data ROWS.csv" if data is None else ""),
        )
    if data is None and (name := _told_from_booleans(original, features)):
        raise Refused(
            f"its code answers booleans in column '{name}' otherwise than the numbers 1 and 0, and a file does not know"
            " which of the two a table holds",
            "give rows that show which columns hold booleans: --data ROWS.csv; or begin with astype(int) and fit it so",
        )
    if original.named and _differs(replace(original, own_texts=True), table, answers):
        raise Refused(
            "its code answers texts of pandas' own type (str) otherwise than the same as objects, and a file does not"
            " know which of the two a table holds",
            "ask pandas.api.types.is_string_dtype(X[c]) in place of X[c].dtype == object, and fit it so",
        )


def _functions(model: Any) -> Iterator[Any]:
    """The steps that see a table as it is: a person's own, and functions of numpy's."""
    yield from own_steps(model)
    if type(model) is FunctionTransformer and model.func is not None:
        yield model
    for part in inside(model):
        yield from _functions(part.estimator)


def _rows(original: Original, features: tuple[Feature, ...]) -> Table:
    """Usual rows whose numbers are whole."""
    random = np.random.default_rng(3)
    table = dict(usual(random, features, original.hints, ROWS))
    for feature, hint in zip(features, original.hints, strict=True):
        if feature.dtype == "float64" and feature.unit is None and not hint.known:
            counts = random.integers(1 if hint.nonzero else 0, COUNTS, ROWS)
            table[feature.name] = np.where(
                np.arange(ROWS) < ROWS // 2, counts, np.round(within(hint, table[feature.name]))
            )
        elif feature.dtype == "float64" and feature.unit is None:
            table[feature.name] = np.round(table[feature.name])
    return table


def _told_from_booleans(original: Original, features: tuple[Feature, ...]) -> str | None:
    """A column that may well hold booleans, and to which code answers otherwise if it does: one looked up by 1 and 0
    alone, or any where code asks what ``is True``."""
    asks = any(_asks_for_truth(getattr(step, "func", step)) for step in _functions(original.model))
    for feature, hint in zip(features, original.hints, strict=True):
        looked_up = {*hint.known, *hint.points} == {0, 1}
        if feature.dtype != "float64" or feature.unit is not None or not (looked_up or (asks and not hint.known)):
            continue
        rows = dict(usual(np.random.default_rng(4), features, original.hints, ROWS))
        flags = np.arange(ROWS) % 2 == 0
        accepted = ask_by_halves(original, {**rows, feature.name: flags.astype(np.float64)})
        if accepted is None:
            continue
        table, answers = accepted
        if _differs(original, {**table, feature.name: table[feature.name] == 1}, answers, COARSE):
            return feature.name
    return None


def _asks_for_truth(step: Any) -> bool:
    """Whether a function, or a method of a person's object, compares with ``is True`` or ``is False``."""
    functions = [step, *vars(type(step)).values()]
    return any(_has_truth(function.__code__) for function in functions if hasattr(function, "__code__"))


def _has_truth(code: CodeType) -> bool:
    before: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IS_OP" and type(before) is bool:
            return True
        before = instruction.argval if instruction.opname == "LOAD_CONST" else None
    return any(_has_truth(inner) for inner in code.co_consts if isinstance(inner, CodeType))


def _whole_columns(data: Any, features: tuple[Feature, ...]) -> set[str]:
    """The features that a person's table holds as whole numbers: by name, or by position where no name is there."""
    wanted, names = [feature.name for feature in features], [str(name) for name in data.columns]
    names = names if set(wanted) & set(names) or len(names) != len(wanted) else wanted
    return {n for n, dtype in zip(names, data.dtypes, strict=True) if pandas.api.types.is_integer_dtype(dtype)}


def _differs(original: Original, table: Table, answers: Answers, limit: float = 1.0) -> bool:
    """Whether it answers some rows of this table otherwise. What it does not take so, it does not answer."""
    for start in range(0, len(next(iter(table.values()))), PIECE):
        rows = slice(start, start + PIECE)
        try:
            again = original.ask(rows_at(table, rows))
        except Refused:  # it is not there any more
            raise
        except Exception:  # noqa: S112, BLE001  whatever it raises, it does not take them
            continue
        for output, values in again.items():
            got = answers[output].astype(np.result_type(answers[output], values))
            if got[rows].shape != values.shape:
                return True
            got[rows] = values
            if (compare(output, answers, got)[0] > limit).any():
                return True
    return False
