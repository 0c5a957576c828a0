"""Owns how much of a model the OpenAPI document tells: a file of 200 bytes may claim a million columns. Pure.

`GET /models/{name}` has what is left out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from server.artefact.metadata import Artefact, Feature
from server.models.repository import Model

MOST_COLUMNS = 4096
MOST_OUTPUTS = 1024
MOST_VALUES = 500  # categories of a column, classes of a target
MOST_BYTES = 65_536  # of all names and units; as JSON, of all categories, of all classes, of the golden rows shown
GOLDEN_ROWS = 3
IN_ALL_BYTES, COLUMN_BYTES = 2_097_152, 64  # of all models, before each is told in a dozen forms; of a nameless column


def in_brief(models: Iterable[Model]) -> dict[str, Model | None]:
    """By name, each model with what of it is told; None where hardly anything can be.

    Those of too many columns, outputs or targets, and those behind the first that are IN_ALL_BYTES together.
    """
    left, told = IN_ALL_BYTES, dict[str, Model | None]()
    for model in models:
        brief = _cut(model)
        size = 0 if brief is None else _size(brief)
        told[model.name] = brief if size <= left else None
        left -= size if size <= left else 0
    return told


def _size(model: Model) -> int:
    artefact = model.artefact
    if artefact is None:
        return COLUMN_BYTES * sum(layout.row_items for layout in model.layouts)
    return len(orjson.dumps((artefact.features, artefact.classes, artefact.golden.rows)))


def _cut(model: Model) -> Model | None:
    if len(model.runtime.outputs) > MOST_OUTPUTS or sum(layout.row_items for layout in model.layouts) > MOST_COLUMNS:
        return None
    artefact = model.artefact
    if artefact is None:
        return model
    classes = artefact.classes
    if classes and not _fits(classes):
        if isinstance(classes[0], tuple):
            return None
        classes = None
    if sum(len(feature.name) + len(feature.unit or "") for feature in artefact.features) > MOST_BYTES:
        return None
    return replace(model, artefact=_cut_artefact(artefact, classes))


def _cut_artefact(artefact: Artefact, classes: Any) -> Artefact:
    rows = artefact.golden.rows[:GOLDEN_ROWS]
    golden = replace(artefact.golden, rows=rows if len(orjson.dumps(rows)) <= MOST_BYTES else ())
    return replace(artefact, features=_few_categories(artefact.features), classes=classes, golden=golden)


def _few_categories(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """The features, without the categories of those that have too many, or too long ones together."""
    left, kept = MOST_BYTES, []
    for feature in features:
        values = feature.categories
        if values is not None and len(values) <= MOST_VALUES and (size := len(orjson.dumps(values))) <= left:
            left -= size
        elif values is not None:
            told = f"one of {len(values)} values, which GET /models/{{name}} lists"
            feature = replace(feature, categories=None, unit=told)
        kept.append(feature)
    return tuple(kept)


def _fits(classes: Sequence[Any]) -> bool:
    targets = classes if isinstance(classes[0], tuple) else [classes]
    few = len(targets) <= MOST_VALUES and all(len(labels) <= MOST_VALUES for labels in targets)
    return few and len(orjson.dumps(classes)) <= MOST_BYTES
