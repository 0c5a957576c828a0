"""Exports category_encoders' encoders: what one makes of a category is looked up in a table that it fills in itself.

Each of them answers a column by its value alone, so that it is asked once about each value it knows, about one it does
not, and about a missing one. Needs no other converter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import category_encoders as ce  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
import numpy as np
import pandas

from convert.errors import Refused
from convert.exporters.encoders import indicators, looked_up
from convert.exporters.registry import TRANSFORMS, Exporter, TableHints
from convert.graph.columns import Columns
from convert.graph.graph import Tensor

UNSEEN = "never seen: é"
KINDS = (
    "BackwardDifferenceEncoder BaseNEncoder BinaryEncoder CatBoostEncoder CountEncoder GrayEncoder HelmertEncoder "
    "JamesSteinEncoder LeaveOneOutEncoder MEstimateEncoder OneHotEncoder OrdinalEncoder PolynomialEncoder SumEncoder "
    "TargetEncoder WOEEncoder"
)


def _known(model: Any) -> Mapping[Any, list[Any]]:
    """The categories of each encoded column, without the missing one."""
    kept = getattr(model, "ordinal_encoder", model).mapping
    tables = kept if isinstance(kept, dict) else {switch["col"]: switch["mapping"] for switch in kept}
    return {name: [value for value in table.index if value == value] for name, table in tables.items()}


def _columns_of(model: Any) -> list[tuple[Any, Any]]:
    """The columns it makes, in order, each with the one that it is made of."""
    owners = {name: name for name in model.feature_names_in_}
    for switch in model.mapping if isinstance(model.mapping, list) else ():
        if isinstance(switch["mapping"], pandas.DataFrame):
            owners |= dict.fromkeys(switch["mapping"].columns, switch["col"])
    return [(name, owners[name]) for name in model.feature_names_out_]


def table_hints(model: Any) -> TableHints:
    """The categories; the other columns are handed on."""
    names, known = list(model.feature_names_in_), _known(model)
    passed = [None if owner in known else names.index(owner) for _, owner in _columns_of(model)]
    return TableHints({names.index(name): values for name, values in known.items()}, passed)


def encoded(e: Exporter, model: Any, x: Columns) -> Columns:
    """By a table for each column that it makes of categories."""
    if model.composite_cols or getattr(model, "hierarchy", None):
        raise Refused("an encoder of several columns at once is not exported", "encode each column by itself")
    names, known = list(model.feature_names_in_), _known(model)
    asked = _ask(model, known)
    parts: list[tuple[Tensor, int]] = []
    for name, owner in _columns_of(model):
        at = names.index(owner)
        if owner in known:
            parts.append((_looked_up(x, at, known[owner], asked[name]), 1))
        else:
            parts += x.take([at]).parts
    return Columns(e.graph, tuple(parts))


def _looked_up(x: Columns, at: int, values: Sequence[Any], answers: Sequence[float]) -> Tensor:
    """``answers``: to each value, to the missing one, and to one that is not known."""
    found = indicators(x, [(at, value) for value in (*values, np.nan)])
    return looked_up(found, np.array(answers[:-1], np.float64), answers[-1])


def _ask(model: Any, known: Mapping[Any, list[Any]]) -> Mapping[Any, list[float]]:
    """By column that it makes: what it answers to each value of its own, a missing one, and one that is not known.

    What it refuses is missing in the answers, as it is in the rows that the file is asked.
    """
    answers: dict[Any, list[float]] = {}
    for owner, values in known.items():
        unseen = (
            UNSEEN if any(isinstance(value, str) for value in values) else max(map(float, values), default=0.0) + 0.5
        )
        rows = [_answer(model, known, owner, value) for value in (*values, np.nan, unseen)]
        for name, made_of in _columns_of(model):
            if made_of == owner:
                answers[name] = [np.nan if row is None else float(row[name].iloc[0]) for row in rows]
    return answers


def _answer(model: Any, known: Mapping[Any, list[Any]], owner: Any, value: Any) -> Any:
    row = {name: [known[name][0] if known.get(name) else 0.0] for name in model.feature_names_in_}
    row[owner] = [value]
    typed = {name: pandas.Series(cell, dtype=object if name in known else None) for name, cell in row.items()}
    try:
        made = model.transform(pandas.DataFrame(typed))
    except ValueError:
        return None
    return made if isinstance(made, pandas.DataFrame) else pandas.DataFrame(made, columns=model.feature_names_out_)


TRANSFORMS.update({getattr(ce, name): encoded for name in KINDS.split()})
