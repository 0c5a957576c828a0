"""Owns which transformers hand on a sparse matrix, in which absent cells are zeros to all readers but XGBoost.

To XGBoost an absent cell is a missing value, and a zero of an array is none. Knows nothing of graphs.
"""

from __future__ import annotations

from typing import Any

from sklearn import compose, ensemble, impute, kernel_approximation, pipeline, preprocessing, random_projection
from sklearn.feature_extraction import DictVectorizer, FeatureHasher, text
from sklearn.feature_selection import SelectorMixin

from convert.inside import is_sampler

# they hand on the kind of matrix that they got
KEEPING = (
    SelectorMixin, preprocessing.Binarizer, preprocessing.MaxAbsScaler, preprocessing.Normalizer,
    preprocessing.PolynomialFeatures, preprocessing.RobustScaler, preprocessing.StandardScaler,
    preprocessing.FunctionTransformer, impute.SimpleImputer, kernel_approximation.AdditiveChi2Sampler,
)  # fmt: skip


def gives_sparse(model: Any, took_sparse: bool) -> bool:
    """Whether ``transform`` of a fitted estimator makes a sparse matrix."""
    match model:
        case text.CountVectorizer() | text.HashingVectorizer() | text.TfidfTransformer() | FeatureHasher():
            return True
        case preprocessing.OneHotEncoder() | preprocessing.SplineTransformer() | ensemble.RandomTreesEmbedding():
            return bool(model.sparse_output)
        case DictVectorizer():
            return bool(model.sparse)
        case preprocessing.KBinsDiscretizer():
            return str(model.encode) == "onehot"
        case compose.ColumnTransformer():
            return bool(model.sparse_output_)
        case pipeline.FeatureUnion():
            return any(gives_sparse(step, took_sparse) for _, step in model.transformer_list)
        case pipeline.Pipeline():
            for _, step in model.steps:
                took_sparse = gives_sparse(step, took_sparse)
            return took_sparse
        case random_projection.BaseRandomProjection():
            return took_sparse and not model.dense_output
        case None | "passthrough":
            return took_sparse
        case _ if is_sampler(model):
            return took_sparse
    return took_sparse and isinstance(model, KEEPING)
