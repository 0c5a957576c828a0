"""Exports encoders of categories: text through one dictionary, numbers by comparison. Knows nothing of scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn import preprocessing

from convert.errors import Refused
from convert.exporters.parts.dates import seconds_of
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor
from server.artefact.metadata import MISSING_TEXT

NOWHERE = -1


def text_codes(x: Tensor, values: Array) -> tuple[Tensor, dict[str, int]]:
    """Strings as integers by one dictionary over ``values``; what it does not know is `NOWHERE`."""
    codes = {text: code for code, text in enumerate(sorted({as_text(value) for value in values}))}
    return x.coded(codes, NOWHERE), codes


def as_text(value: Any) -> str:
    """How a category stands in a string tensor: a missing one has a text of its own."""
    return MISSING_TEXT if value is None or value != value else str(value)


def one_hot(e: Exporter, encoder: Any, x: Columns) -> Columns:
    """One column of 0 and 1 per category that is kept; a value no category has is all 0, or an infrequent one."""
    groups = [group for column in range(x.width) for group in _groups(encoder, column)]
    wanted = [(column, value) for column, values in groups for value in values]
    here = indicators(x, wanted).cast(np.float64)
    if any(len(values) != 1 for _, values in groups):
        member = np.zeros((len(wanted), len(groups)))
        member[np.arange(len(wanted)), np.repeat(np.arange(len(groups)), [len(values) for _, values in groups])] = 1.0
        here = here @ member
    return columns(_with_unknown(encoder, here, x, groups), len(groups))


def _groups(encoder: Any, column: int) -> list[tuple[int, list[Any]]]:
    """The output columns of one input column: which values each stands for; infrequent ones share the last."""
    categories = list(encoder.categories_[column])
    mapping = encoder._default_to_infrequent_mappings[column] if encoder._infrequent_enabled else None
    codes = range(len(categories)) if mapping is None else mapping
    by_code: dict[int, list[Any]] = {}
    for value, code in zip(categories, codes, strict=True):
        by_code.setdefault(int(code), []).append(value)
    dropped = None if encoder.drop_idx_ is None else encoder._drop_idx_after_grouping[column]
    return [(column, by_code[code]) for code in sorted(by_code) if code != dropped]


def _with_unknown(encoder: Any, here: Tensor, x: Columns, groups: list[tuple[int, list[Any]]]) -> Tensor:
    """With handle_unknown='infrequent_if_exist' a value that no category has is an infrequent one."""
    if not encoder._infrequent_enabled or encoder.handle_unknown not in ("infrequent_if_exist", "warn"):
        return here
    for column, infrequent in enumerate(encoder._infrequent_indices):
        if infrequent is None:
            continue
        every = [(column, value) for value in encoder.categories_[column]]
        unknown = 1.0 - indicators(x, every).cast(np.float64).reduce("ReduceMax")
        last = max(i for i, (owner, _) in enumerate(groups) if owner == column)
        here = here + unknown * np.eye(len(groups))[[last]]
    return here


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
    if texts := [value for _, value in wanted if isinstance(value, str)]:
        raise Refused(
            f"it knows texts, such as {texts[0]!r}, in a column that holds numbers when it gets there",
            "give rows as clients send them: --data ROWS.csv; a replace of the whole table makes numbers of some texts"
            " in every column: name the columns that it is for",
        )
    values = np.array([_as_number(value) for _, value in wanted], np.float64)
    same = spread.equals(values)
    return same | (spread.is_nan() & x.graph.constant(np.isnan(values))) if np.isnan(values).any() else same


def _as_number(value: Any) -> Any:
    return seconds_of(value) if isinstance(value, np.datetime64) else value


def ordinal(e: Exporter, encoder: Any, x: Columns) -> Columns:
    """The position of the category as a number; unknown and missing as the encoder was told."""
    parts = []
    for column, categories in enumerate(encoder.categories_):
        mapping = encoder._default_to_infrequent_mappings[column] if encoder._infrequent_enabled else None
        gone = np.array([value != value for value in categories], bool)  # None is a category like others
        positions = np.arange(len(categories), dtype=np.float64)
        positions[~gone] = positions[~gone] if mapping is None else mapping  # which leaves the missing one out
        positions[gone] = encoder.encoded_missing_value
        known = indicators(x, [(column, value) for value in categories])
        parts.append(looked_up(known, positions, encoder.unknown_value))
    return columns(e.graph.concat(parts), len(parts))


def positions(x: Columns, categories: Mapping[int, Sequence[Any]]) -> Columns:
    """All columns, those with ``categories`` as the position among them, NaN for any other value."""
    if not categories:
        return x
    rest = [column for column in range(x.width) if column not in categories]
    parts = [x.take(rest).numbers()] if rest else []
    for column, values in categories.items():
        known = indicators(x, [(column, value) for value in values])
        parts.append(looked_up(known, np.arange(len(values), dtype=np.float64), np.nan))
    order = [[*rest, *categories].index(column) for column in range(x.width)]
    return columns(x.graph.concat(parts).take(order), x.width)


def target(e: Exporter, encoder: Any, x: Columns) -> Columns:
    """The smoothed mean of the target for each category; the overall mean for an unknown one."""
    classes = len(encoder.classes_) if encoder.target_type_ == "multiclass" else 1
    means = np.ravel(encoder.target_mean_)
    parts = []
    for column, categories in enumerate(encoder.categories_):
        known = indicators(x, [(column, value) for value in categories])
        for k in range(classes):
            parts.append(looked_up(known, np.asarray(encoder.encodings_[column * classes + k]), means[k]))
    return columns(e.graph.concat(parts), len(parts))


def looked_up(known: Tensor, values: Array, otherwise: Any) -> Tensor:
    """[rows, 1]: of ``values`` that whose column in ``known`` [rows, values] is true; ``otherwise`` where none is."""
    graph = known.graph
    hits = known.cast(np.float64)
    at = known.cast(np.int64).argmax()
    looked_up = graph.op("Gather", graph.constant(values), at, axis=0).reshape(-1, 1)
    missing = np.nan if otherwise is None else float(otherwise)
    return (hits.reduce("ReduceMax") > 0.5).where(looked_up, missing)


def label_positions(e: Exporter, encoder: Any, x: Columns) -> Columns:
    """The position of a label among the classes: one column."""
    return positions(x, {0: list(encoder.classes_)})


def label_indicators(e: Exporter, encoder: Any, x: Columns) -> Columns:
    """One column for each class, or one alone for the second of two."""
    classes = list(encoder.classes_)
    if encoder.y_type_.startswith("multilabel"):
        raise Refused("a LabelBinarizer of sets of labels has nothing to encode", "leave it out")
    shown = classes[1:] if len(classes) == 2 else classes
    here = indicators(x, [(0, value) for value in shown]).cast(np.float64)
    low, high = float(encoder.neg_label), float(encoder.pos_label)
    if len(classes) == 1:
        return columns(here * 0.0 + low, 1)
    return columns(here * (high - low) + low, len(shown))


TRANSFORMS.update(
    {
        preprocessing.LabelBinarizer: label_indicators,
        preprocessing.LabelEncoder: label_positions,
        preprocessing.OneHotEncoder: one_hot,
        preprocessing.OrdinalEncoder: ordinal,
        preprocessing.TargetEncoder: target,
    }
)
