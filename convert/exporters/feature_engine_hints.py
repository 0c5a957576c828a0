"""Owns what feature-engine's steps tell of the table they see: categories, edges, and the way back to its columns.

Knows nothing of graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from feature_engine import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
    creation,
    encoding,
    imputation,
    outliers,
    scaling,
    selection,
    transformation,
)
from scipy import special
from sklearn import preprocessing

from convert.exporters.registry import TableHints
from convert.graph.graph import Array

Inverse = Callable[[Array], Array]
DIGITS = 5


def position(model: Any, name: Any) -> int:
    """The position of a column."""
    return list(model.feature_names_in_).index(name)


def table_hints(model: Any) -> TableHints:
    """Which categories and edges a step knows, and what it hands on, as it is or so that the way back is known."""
    names = list(model.feature_names_in_)
    known = {position(model, name): list(values) for name, values in getattr(model, "encoder_dict_", {}).items()}
    filled = getattr(model, "imputer_dict_", {})
    known |= {position(model, name): [value] for name, value in filled.items() if isinstance(value, str)}
    points = {position(model, name): _edges(edges) for name, edges in getattr(model, "binner_dict_", {}).items()}
    for caps in ("left_tail_caps_", "right_tail_caps_", "imputer_dict_", "max_values_", "mean_"):
        for name, value in (getattr(model, caps, None) or {}).items():
            if not isinstance(value, str):
                points.setdefault(position(model, name), []).append(float(value))
    for name, spread in (getattr(model, "range_", None) or {}).items():
        points[position(model, name)] += [float(model.mean_[name] + spread * part) for part in (-0.5, 0.5)]
    back = INVERSES.get(type(model))
    changed = set() if back or isinstance(model, KEEPING) else set(model.variables_)
    dropped = set(getattr(model, "features_to_drop_", ()))
    dropped |= set(model.variables_) if isinstance(model, encoding.OneHotEncoder) else set()
    dropped |= set(model.variables_) if getattr(model, "drop_original", False) else set()
    passed = [None if name in changed else position(model, name) for name in names if name not in dropped]
    inverses = {position(model, name): back(model, name) for name in model.variables_} if back else {}
    return TableHints(known, (*passed, *[None] * (_width_behind(model) - len(passed))), points, inverses)


def _width_behind(model: Any) -> int:
    return len(model.get_feature_names_out())


def _edges(binner: Any) -> list[float]:
    """Those of bins, or of the tree that a search found."""
    if hasattr(binner, "best_estimator_"):
        fitted = binner.best_estimator_.tree_
        return [float(edge) for edge in fitted.threshold[fitted.children_left >= 0]]
    return [float(edge) for edge in binner if np.isfinite(edge)]


def shift_of(model: Any, name: Any) -> float:
    """What is added to a column before its logarithm."""
    return float(model.C_[name] if isinstance(model.C_, dict) else model.C_)


def _about(back: Inverse) -> Inverse:
    """With few digits: exactly at a threshold behind a logarithm its last digit decides, which no file repeats."""
    return lambda y: np.array([float(f"{value:.{DIGITS}g}") for value in np.ravel(back(y))])


def _base(model: Any) -> float:
    return float(np.e) if model.base == "e" else 10.0


def _from_yeo_johnson(exponent: float) -> Inverse:
    made = preprocessing.PowerTransformer(standardize=False)
    return lambda y: np.asarray(made._yeo_johnson_inverse_transform(y, exponent))


KEEPING = (
    creation.CyclicalFeatures, imputation.AddMissingIndicator, imputation.ArbitraryNumberImputer,
    imputation.CategoricalImputer, imputation.EndTailImputer, imputation.MeanMedianImputer,
    outliers.ArbitraryOutlierCapper, outliers.Winsorizer, selection.DropConstantFeatures,
    selection.DropCorrelatedFeatures, selection.DropDuplicateFeatures, selection.DropFeatures,
)  # fmt: skip
INVERSES: dict[type, Callable[[Any, Any], Inverse]] = {
    scaling.MeanNormalizationScaler: lambda m, name: lambda y: y * float(m.range_[name]) + float(m.mean_[name]),
    transformation.BoxCoxTransformer: lambda m, name: _about(lambda y: special.inv_boxcox(y, m.lambda_dict_[name])),
    transformation.LogCpTransformer: lambda m, name: _about(lambda y: _base(m) ** y - shift_of(m, name)),
    transformation.LogTransformer: lambda m, name: _about(lambda y: _base(m) ** y),
    transformation.YeoJohnsonTransformer: lambda m, name: _about(_from_yeo_johnson(float(m.lambda_dict_[name]))),
}
