"""Owns what imputers give away of the columns they see: what stands for a missing value, and what takes its place.

Knows nothing of other estimators. Columns of dates are refused here, which no imputer and few encoders can hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.errors import Refused
from convert.graph.graph import Array
from convert.original.hints.column_hints import Views, note_marker, note_points


def imputer(model: Any, views: Views) -> Views:
    """What it fills in, column by column. Raises Refused for dates."""
    passed: Views = []
    for known in filter(None, views):
        note_marker(known, model.missing_values)
    for column, (view, value) in enumerate(zip(views, np.asarray(model.statistics_), strict=True)):
        refuse_dates(model, column, np.asarray(value))
        if view and isinstance(value, str):
            view.hint.fill = value if not view.hint.text else None
            view.hint.text = True
            view.hint.known.append(value)
        elif view:
            note_points(view, [value])
        if model.keep_empty_features or value == value:
            passed.append(view)
    return [] if model.add_indicator else passed


def guesser(model: Any, views: Views) -> Views:
    """Its first guesses are another imputer's; which columns it leaves out is not followed."""
    imputer(model.initial_imputer_, views)
    return []


def indicator(model: Any, views: Views) -> Views:
    """What it takes for missing."""
    for view in filter(None, views):
        note_marker(view, model.missing_values)
    return []


def refuse_dates(model: Any, column: int, values: Array) -> None:
    """Raises Refused where a column holds dates."""
    if np.asarray(values).dtype.kind in "mM":
        named = getattr(model, "feature_names_in_", ())
        raise Refused(
            f"column {named[column] if column < len(named) else column!r} holds dates, which are followed into "
            "encoders alone, and there in a table and in whole microseconds",
            "make a number of it before the model sees it, as days since 1970 or year and month, and fit again",
            type(model).__name__,
        )
