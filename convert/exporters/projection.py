"""Exports projections and choices of columns: PCA and its kin, random projections, selectors, agglomeration."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg
from sklearn import (
    cluster,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    feature_selection,
    impute,
    neighbors,
    random_projection,
)

from convert.errors import Refused
from convert.exporters.parts.text.products import multiplied
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array


def _projected(x: Columns, shift: Array | None, weights: Any) -> Columns:
    """``(x - shift) @ weights``."""
    matrix = np.asarray(weights.toarray() if hasattr(weights, "toarray") else weights, np.float64)
    moved = x.numbers() if shift is None else x.numbers() - np.asarray(shift, np.float64)
    return columns(multiplied(moved, matrix), matrix.shape[1])


def principal(e: Exporter, model: Any, x: Columns) -> Columns:
    """Principal components, whitened where asked."""
    weights = model.components_.T
    if model.whiten:
        scale = np.sqrt(model.explained_variance_)
        weights = weights / np.maximum(scale, np.finfo(np.float64).eps)
    return _projected(x, model.mean_, weights)


def factors(e: Exporter, model: Any, x: Columns) -> Columns:
    """The expected factors given a row."""
    weights = model.components_ / model.noise_variance_
    spread = linalg.inv(np.eye(len(model.components_)) + weights @ model.components_.T)
    return _projected(x, model.mean_, weights.T @ spread)


def independent(e: Exporter, model: Any, x: Columns) -> Columns:
    """Independent components."""
    return _projected(x, model.mean_ if model.whiten else None, model.components_.T)


def plain(e: Exporter, model: Any, x: Columns) -> Columns:
    """A product with fitted components."""
    return _projected(x, None, model.components_.T)


def sparse_components(e: Exporter, model: Any, x: Columns) -> Columns:
    """Sparse PCA: the ridge solution on its components."""
    parts = np.asarray(model.components_, np.float64)
    gram = parts @ parts.T + model.ridge_alpha * np.eye(len(parts))
    return _projected(x, model.mean_, linalg.solve(gram, parts, assume_a="pos").T)


def partial_squares(e: Exporter, model: Any, x: Columns) -> Columns:
    """The scores of partial least squares."""
    return _projected(x, model._x_mean, np.asarray(model.x_rotations_) / model._x_std[:, None])


def partial_singular(e: Exporter, model: Any, x: Columns) -> Columns:
    """PLSSVD: the left singular vectors."""
    return _projected(x, model._x_mean, np.asarray(model.x_weights_) / model._x_std[:, None])


def discriminant(e: Exporter, model: Any, x: Columns) -> Columns:
    """The axes that keep the classes apart."""
    if model.solver == "lsqr":
        raise Refused("solver='lsqr' has no axes to project on", "fit with solver='svd'")
    shift = model.xbar_ if model.solver == "svd" else None
    return _projected(x, shift, np.asarray(model.scalings_)[:, : model._max_components])


def selected(e: Exporter, model: Any, x: Columns) -> Columns:
    """The columns a selector keeps."""
    kept = np.flatnonzero(model.get_support())
    if not len(kept):
        raise Refused("no column is selected", "select at least one")
    return x.take(kept)


def agglomerated(e: Exporter, model: Any, x: Columns) -> Columns:
    """The mean of each group of columns."""
    if model.pooling_func is not np.mean:
        raise Refused("pooling by another function than numpy.mean is not exported", "use pooling_func=numpy.mean")
    labels = np.asarray(model.labels_)
    groups = np.unique(labels)
    member = (labels[:, None] == groups[None, :]).astype(np.float64)
    return _projected(x, None, member / member.sum(axis=0))


def missing_indicator(e: Exporter, model: Any, x: Columns) -> Columns:
    """1 where a value is missing."""
    if not len(model.features_):
        raise Refused("no column had missing values, so nothing is left to indicate", "leave this step out")
    missing = x.numbers().is_nan() if np.isnan(model.missing_values) else x.numbers().equals(model.missing_values)
    return columns(missing.take(model.features_).cast(np.float64), len(model.features_))


SELECTORS = (
    "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest SelectPercentile "
    "SequentialFeatureSelector VarianceThreshold"
)

TRANSFORMS.update(
    dict.fromkeys([getattr(feature_selection, name) for name in SELECTORS.split()], selected)
    | dict.fromkeys((decomposition.PCA, decomposition.IncrementalPCA), principal)
    | dict.fromkeys((decomposition.SparsePCA, decomposition.MiniBatchSparsePCA), sparse_components)
    | dict.fromkeys(
        [getattr(cross_decomposition, n) for n in ("CCA", "PLSCanonical", "PLSRegression")], partial_squares
    )
    | dict.fromkeys(
        (
            decomposition.TruncatedSVD,
            neighbors.NeighborhoodComponentsAnalysis,
            random_projection.GaussianRandomProjection,
            random_projection.SparseRandomProjection,
        ),
        plain,
    )
    | {
        cluster.FeatureAgglomeration: agglomerated,
        cross_decomposition.PLSSVD: partial_singular,
        decomposition.FactorAnalysis: factors,
        decomposition.FastICA: independent,
        discriminant_analysis.LinearDiscriminantAnalysis: discriminant,
        impute.MissingIndicator: missing_indicator,
    }
)
