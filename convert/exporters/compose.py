"""Exports what joins estimators: pipelines, column transformers, unions. Knows nothing of arithmetic."""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from convert.errors import Refused
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns


def _is_idle(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def _through(e: Exporter, steps: list[tuple[str, Any]], x: Columns) -> Columns:
    for name, step in steps:
        x = x if _is_idle(step) else e.transform(step, x, name)
    return x


def pipeline_transform(e: Exporter, pipeline: Any, x: Columns) -> Columns:
    """Every step in turn."""
    return _through(e, pipeline.steps, x)


def pipeline_predict(e: Exporter, pipeline: Any, x: Columns) -> Prediction:
    """Every step in turn; the last one predicts."""
    name, last = pipeline.steps[-1]
    return e.predict(last, _through(e, pipeline.steps[:-1], x), name)


def column_transformer(e: Exporter, composed: Any, x: Columns) -> Columns:
    """Each transformer on its own columns, the results side by side in the fitted order."""
    found = [
        (name, _one(e, name, step, x.take(_positions(composed, name, selected))))
        for name, step, selected in composed.transformers_
        if not (isinstance(step, str) and step == "drop") and _positions(composed, name, selected)
    ]
    weights = composed.transformer_weights or {}
    return _beside(e, [_weighted(part, weights.get(name)) for name, part in found])


def _positions(composed: Any, name: str, selected: Any) -> list[int]:
    return list(composed._transformer_to_input_indices[name])


def _one(e: Exporter, name: str, step: Any, x: Columns) -> Columns:
    return x if _is_idle(step) else e.transform(step, x, name)


def _weighted(part: Columns, weight: float | None) -> Columns:
    if weight is None:
        return part
    return Columns(part.graph, ((part.numbers() * weight, part.width),))


def _beside(e: Exporter, parts: list[Columns]) -> Columns:
    joined = Columns(e.graph, tuple(item for part in parts for item in part.parts))
    if not joined.parts:
        raise Refused("every column is dropped, nothing is left to predict from", "keep at least one column")
    return joined


def feature_union(e: Exporter, union: Any, x: Columns) -> Columns:
    """Every transformer on all columns, the results side by side."""
    weights = union.transformer_weights or {}
    parts = [
        _weighted(_one(e, name, step, x), weights.get(name))
        for name, step in union.transformer_list
        if not (isinstance(step, str) and step == "drop")
    ]
    return _beside(e, parts)


TRANSFORMS.update({Pipeline: pipeline_transform, ColumnTransformer: column_transformer, FeatureUnion: feature_union})
PREDICTIONS.update({Pipeline: pipeline_predict})
