"""Exports encoders of categories: text through one dictionary, numbers by comparison. Knows nothing of scaling."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import preprocessing

from convert.columns import Columns, columns
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph import ML, Array, Tensor
from server.artefact import MISSING_TEXT

NOWHERE = -1


def text_codes(x: Tensor, values: Array) -> tuple[Tensor, dict[str, int]]:
    """Strings as integers by one dictionary over ``values``; what it does not know is `NOWHERE`."""
    known = sorted({as_text(value) for value in values})
    codes = x.graph.op(
        "LabelEncoder",
        x,
        dtype=np.int64,
        domain=ML,
        keys_strings=known,
        values_int64s=list(range(len(known))),
        default_int64=NOWHERE,
    )
    return codes, {text: code for code, text in enumerate(known)}


def as_text(value: Any) -> str:
    """How a category stands in a string tensor: a missing one has a text of its own."""
    return MISSING_TEXT if value is None or value != value else str(value)


def one_hot(e: Exporter, encoder: Any, x: Columns) -> Columns:
    """One column of 0 and 1 per category that is kept; a value no category has is all 0."""
    if encoder.infrequent_categories_ is not None if encoder._infrequent_enabled else False:
        raise_infrequent()
    wanted = []
    for column, categories in enumerate(encoder.categories_):
        dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[column]
        wanted += [(column, value) for index, value in enumerate(categories) if index != dropped]
    return columns(indicators(x, wanted).cast(np.float64), len(wanted))


def raise_infrequent() -> None:
    """Refuses what is not exported yet."""
    from convert.errors import Refused

    raise Refused("infrequent categories are not exported", "fit without min_frequency and max_categories")


def indicators(x: Columns, wanted: list[tuple[int, Any]]) -> Tensor:
    """[rows, len(wanted)] booleans: whether the column holds that value."""
    runs = []
    for text in (True, False):
        here = [item for item in wanted if (x.take([item[0]]).is_text()) is text]
        if here:
            runs.append((here, _text_indicators(x, here) if text else _number_indicators(x, here)))
    joined = x.graph.concat([tensor for _, tensor in runs])
    order = [item for here, _ in runs for item in here]
    return joined if order == wanted else joined.take([order.index(item) for item in wanted])


def _text_indicators(x: Columns, wanted: list[tuple[int, Any]]) -> Tensor:
    used = sorted({column for column, _ in wanted})
    codes, known = text_codes(x.take(used).text(), np.array([value for _, value in wanted], object))
    spread = codes.take([used.index(column) for column, _ in wanted])
    return spread.equals(np.array([known[as_text(value)] for _, value in wanted], np.int64))


def _number_indicators(x: Columns, wanted: list[tuple[int, Any]]) -> Tensor:
    spread = x.take([column for column, _ in wanted]).numbers()
    values = np.array([value for _, value in wanted], np.float64)
    same = spread.equals(values)
    return same | (spread.is_nan() & x.graph.constant(np.isnan(values))) if np.isnan(values).any() else same


def ordinal(e: Exporter, encoder: Any, x: Columns) -> Columns:
    """The position of the category as a number; unknown and missing as the encoder was told."""
    parts = []
    for column, categories in enumerate(encoder.categories_):
        known = indicators(x, [(column, value) for value in categories])
        positions = np.arange(len(categories), dtype=np.float64)
        nan = [index for index, value in enumerate(categories) if value is None or value != value]
        positions[nan] = encoder.encoded_missing_value
        parts.append(_looked_up(known, positions, encoder.unknown_value))
    return columns(e.graph.concat(parts), len(parts))


def _looked_up(known: Tensor, values: Array, otherwise: Any) -> Tensor:
    graph = known.graph
    hits = known.cast(np.float64)
    at = known.cast(np.int64).argmax()
    found = graph.op("Gather", graph.constant(values), at, axis=0).reshape(-1, 1)
    missing = np.nan if otherwise is None else float(otherwise)
    return (hits.reduce("ReduceMax") > 0.5).where(found, missing)


TRANSFORMS.update({preprocessing.OneHotEncoder: one_hot, preprocessing.OrdinalEncoder: ordinal})
