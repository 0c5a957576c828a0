"""Owns whether the original answers a row alike however a table holds its values. Knows nothing of graphs.

A file takes numbers and texts. What a person's code sees are whole numbers or floats, texts as objects or as pandas
has them by itself, and code may ask which: ``X[c].dtype == "int64"``, ``select_dtypes``, an array like what it got.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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


def _whole_columns(data: Any, features: tuple[Feature, ...]) -> set[str]:
    """The features that a person's table holds as whole numbers: by name, or by position where no name is there."""
    wanted, names = [feature.name for feature in features], [str(name) for name in data.columns]
    names = names if set(wanted) & set(names) or len(names) != len(wanted) else wanted
    return {n for n, dtype in zip(names, data.dtypes, strict=True) if pandas.api.types.is_integer_dtype(dtype)}


def _differs(original: Original, table: Table, answers: Answers) -> bool:
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
            if (compare(output, answers, got)[0] > 1).any():
                return True
    return False
