"""Exports the imputer that guesses each column from the others, round after round. Knows nothing of its regressors."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  it makes the next name importable
from sklearn.impute import IterativeImputer

from convert.errors import Refused
from convert.exporters.imputing import flagged
from convert.exporters.parts.shapes import column_of
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor


def iterative_imputer(e: Exporter, model: Any, x: Columns) -> Columns:
    """First what a simple imputer fills in, then the fitted regressors in the order in which they were fitted.

    A row that is nothing but missing is answered as beside others: by itself scikit-learn leaves the first guess.
    """
    if model.sample_posterior:
        raise Refused("IterativeImputer with sample_posterior draws at random", "fit with sample_posterior=False")
    matrix = x.numbers()
    missing = matrix.is_nan() if np.isnan(model.missing_values) else matrix.equals(float(model.missing_values))
    empty = np.asarray(model._is_empty_feature)
    kept = np.arange(len(empty)) if model.keep_empty_features else np.flatnonzero(~empty)
    guess = e.transform(model.initial_imputer_, x, "initial_imputer_").numbers()
    filled = [guess.take([column]) for column in range(len(kept))]
    for step in model.imputation_sequence_ if model.n_iter_ else ():
        seen = e.graph.concat([filled[column] for column in step.neighbor_feat_idx])
        answer = e.predict(step.estimator, columns(seen, len(step.neighbor_feat_idx)), "estimator").need("value")
        value = _within(column_of(answer), model._min_value[step.feat_idx], model._max_value[step.feat_idx])
        gone = missing.take([kept[step.feat_idx]])
        filled[step.feat_idx] = gone.where(value, filled[step.feat_idx])
    return flagged(model, missing, columns(e.graph.concat(filled), len(filled)))


def _within(x: Tensor, least: float, most: float) -> Tensor:
    if np.isneginf(least) and np.isposinf(most):
        return x
    return x.graph.op("Clip", x, x.graph.constant(np.float64(least)), x.graph.constant(np.float64(most)))


TRANSFORMS.update({IterativeImputer: iterative_imputer})
