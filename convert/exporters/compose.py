"""Exports what joins estimators: pipelines, column transformers, unions. Knows nothing of arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from convert.errors import Refused
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction, seen_by
from convert.graph.columns import Columns
from convert.inside import Inner, inside, is_dropped, is_idle


def _apply(e: Exporter, part: Inner, x: Columns) -> Columns:
    return x if is_idle(part.estimator) else e.transform(part.estimator, x, part.name)


def _through(e: Exporter, steps: Sequence[Inner], x: Columns) -> Columns:
    for step in steps:
        x = _apply(e, step, x)
    return x


def pipeline_transform(e: Exporter, pipeline: Any, x: Columns) -> Columns:
    """Every step in turn."""
    return _through(e, inside(pipeline), x)


def pipeline_predict(e: Exporter, pipeline: Any, x: Columns) -> Prediction:
    """Every step in turn; the last one predicts."""
    *steps, last = inside(pipeline)
    return e.predict(last.estimator, _through(e, steps, x), last.name)


def side_by_side(e: Exporter, model: Any, x: Columns) -> Columns:
    """Each transformer on its own columns or on all of them, the results side by side in the fitted order."""
    weights = model.transformer_weights or {}
    kept = [part for part in inside(model) if part.sees_rows and not is_dropped(part.estimator)]
    tables = [_weighted(_apply(e, part, seen_by(part, x)), weights.get(part.name)) for part in kept]
    joined = Columns(e.graph, tuple(item for table in tables for item in table.parts))
    if not joined.parts:
        raise Refused("every column is dropped, nothing is left to predict from", "keep at least one column")
    return joined


def _weighted(table: Columns, weight: float | None) -> Columns:
    if weight is None:
        return table
    return Columns(table.graph, ((table.numbers() * weight, table.width),))


TRANSFORMS.update({Pipeline: pipeline_transform, ColumnTransformer: side_by_side, FeatureUnion: side_by_side})
PREDICTIONS.update({Pipeline: pipeline_predict})
