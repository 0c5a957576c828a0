"""Owns what is looked at while a model answers, as no look at its file could tell. Knows no files. Plain Python 3.8.

A witness, where another scikit-learn runs the same model, looks at the same.
"""

from __future__ import annotations

from typing import Any, Callable, List  # noqa: UP035  3.8 has no others

import numpy as np
from scipy import sparse
from sklearn.ensemble import _gb
from sklearn.ensemble._gradient_boosting import predict_stages
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from convert.opening.refusal import hostile

BITSET_WORDS = 8  # of 32 bits: the categories of one split of gradient boosting by histograms
_IN_FULL: List[Callable[..., None]] = []  # noqa: UP006
_PREDICT = TreePredictor.predict


def watch_compiled_code() -> None:
    """From here on three things are looked at that are only made while a model answers.

    scipy looks at each position in each sparse matrix that anybody makes, as it can: encoders and vectorizers make them
    of numbers in the file, a vocabulary or counts of categories. The stages of gradient boosting look whether the array
    they add to has a column for each, which the model's first guess decides. And its trees by histograms look whether
    the rows have the columns that they ask for, which encoders before them decide.
    """
    _gb.predict_stages = _predict_stages
    TreePredictor.predict = _predict
    kind = next(kind for kind in sparse.csr_matrix.__mro__ if "check_format" in vars(kind))
    check = vars(kind)["check_format"]
    if check.__name__ != _check_in_full.__name__:
        _IN_FULL.append(check)
        kind.check_format = _check_in_full


def _predict_stages(estimators: Any, rows: Any, scale: float, out: Any) -> None:
    if out.ndim != 2 or estimators.shape[1] > out.shape[1] or len(out) != rows.shape[0]:
        raise hostile("the stages of a gradient boosting in the file do not fit its first guess")
    predict_stages(estimators, rows, scale, out)


def _predict(predictor: Any, rows: Any, known_cat_bitsets: Any, f_idx_map: Any, *others: Any, **named: Any) -> Any:
    nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
    sets = nodes["feature_idx"][nodes["is_categorical"] != 0]
    if np.ndim(rows) != 2 or (nodes["feature_idx"] >= rows.shape[1]).any():
        raise hostile("a tree in the file asks for a column that its rows do not have")
    if len(sets):
        mapped = f_idx_map[sets] if sets.max() < len(f_idx_map) else [-1]
        count, words = known_cat_bitsets.shape
        if np.min(mapped) < 0 or np.max(mapped) >= count or words != BITSET_WORDS:
            raise hostile("a tree in the file asks for categories that its model does not know")
    return _PREDICT(predictor, rows, known_cat_bitsets, f_idx_map, *others, **named)


def _check_in_full(matrix: Any, full_check: bool = True) -> None:
    _IN_FULL[0](matrix, full_check=True)
