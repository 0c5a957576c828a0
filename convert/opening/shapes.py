"""Owns what must fit together in an estimator whose compiled code reads without looking. Knows no files or opcodes.

Each check runs after everything is built. Arrays that compiled code reads are replaced by copies, so that no other part
of the model holds the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import cluster, ensemble, isotonic, neighbors, svm, tree
from sklearn.neighbors._base import NeighborsBase
from sklearn.svm._base import BaseLibSVM
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from convert.opening.plain import MAPPINGS, is_scalar
from convert.opening.refusal import called, hostile

Array = np.ndarray[Any, Any]
METRIC_NUMBERS = frozenset(("p",))
METRIC_VECTORS = frozenset(("w", "V"))


def check_shapes(instances: Iterable[Any]) -> None:
    """Refuses each estimator whose parts do not fit together."""
    for instance in instances:
        for kind, check in CHECKS.items():
            if isinstance(instance, kind):
                check(instance)


def _broken(model: Any, what: str) -> Exception:
    return hostile(f"{what} of {called(model)} in the file do not fit together")


def _own(model: Any, name: str, kinds: str, dimensions: int, dtype: Any = None) -> Array:
    """The attribute as an array of the model's own."""
    array = vars(model).get(name)
    if type(array) is not np.ndarray or array.dtype.kind not in kinds or array.ndim != dimensions:
        raise _broken(model, f"the arrays ({name})")
    vars(model)[name] = copy = np.array(array, dtype or array.dtype, order="C")
    return copy


def _columns(model: Any) -> int:
    columns = vars(model).get("n_features_in_")
    if not isinstance(columns, int | np.integer) or columns < 0:
        raise _broken(model, "the columns")
    return int(columns)


def _is_fitted(model: Any, name: str) -> bool:
    return vars(model).get(name) is not None


def _decision_tree(model: Any) -> None:
    """The tree takes rows as they come: its columns are those that the estimator checks."""
    if not _is_fitted(model, "tree_"):
        return
    if type(model.tree_) is not Tree or model.tree_.n_features != _columns(model):
        raise _broken(model, "the columns")


def _gradient_boosting(model: Any) -> None:
    """The trees are read past their estimators."""
    stages = vars(model).get("estimators_")
    if stages is None:
        return
    if type(stages) is not np.ndarray or stages.ndim != 2:
        raise _broken(model, "the stages")
    for estimator in stages.ravel().tolist():
        fitted = type(estimator) is tree.DecisionTreeRegressor and type(vars(estimator).get("tree_")) is Tree
        if not fitted or estimator.tree_.n_features != _columns(model) or estimator.tree_.n_outputs != 1:
            raise _broken(model, "the trees")


def _support_vectors(model: Any) -> None:
    """libsvm reads support vectors, coefficients and counts by each other's lengths."""
    if not _is_fitted(model, "_n_support"):
        return
    counts, intercepts = _own(model, "_n_support", "i", 1, np.int32), _own(model, "_intercept_", "f", 1, np.float64)
    classes, support = len(counts), _own(model, "support_", "i", 1, np.int32)
    pairs = classes * (classes - 1) // 2
    sound = classes >= 2 and len(intercepts) >= pairs and type(model.kernel) is str
    for name in ("_probA", "_probB"):
        sound &= len(_own(model, name, "f", 1, np.float64)) in (0, *range(pairs, pairs + 1))
    if isinstance(model, svm.SVC | svm.NuSVC):
        sound &= bool((counts >= 0).all()) and int(counts.sum()) == len(support)
    if vars(model).get("_sparse") is not False:
        sound &= _sparse_vectors(model, len(support), classes)
    else:
        sound &= _dense_vectors(model, support, classes)
    if not sound:
        raise _broken(model, "the support vectors")


def _dense_vectors(model: Any, support: Array, classes: int) -> bool:
    vectors = _own(model, "support_vectors_", "f", 2, np.float64)
    coefficients = _own(model, "_dual_coef_", "f", 2, np.float64)
    if model.kernel == "precomputed":
        rows = vars(model).get("shape_fit_", (0,))[0]
        inside = type(rows) is int and bool(((support >= 0) & (support < rows)).all())
        return inside and coefficients.shape == (classes - 1, len(support))
    return (vectors.shape, coefficients.shape) == ((len(support), _columns(model)), (classes - 1, len(support)))


def _sparse_vectors(model: Any, count: int, classes: int) -> bool:
    vectors, coefficients = vars(model).get("support_vectors_"), vars(model).get("_dual_coef_")
    if not sparse.issparse(vectors) or not sparse.issparse(coefficients) or model.kernel == "precomputed":
        return False
    if vectors.format != "csr" or vectors.data.dtype != np.float64 or vectors.indices.dtype != np.int32:
        return False
    return bool(vectors.shape == (count, _columns(model)) and len(coefficients.data) == (classes - 1) * count)


def _neighbours(model: Any) -> None:
    """Distances are taken by the columns of the fitted rows, votes by the numbers of their classes."""
    for name in ("metric_params", "effective_metric_params_"):
        _check_metric(model, vars(model).get(name))
    rows = vars(model).get("_fit_X")
    if rows is None:
        return
    dense = type(rows) is np.ndarray and rows.ndim == 2 and rows.dtype.kind in "fiub"
    if not (dense or sparse.issparse(rows)) or rows.shape[1] != _columns(model):
        raise _broken(model, "the rows")
    fitted = vars(model).get("_tree")
    if fitted is not None and np.shape(fitted.data) != rows.shape:
        raise _broken(model, "the rows")
    if vars(model).get("n_samples_fit_", rows.shape[0]) != rows.shape[0]:
        raise _broken(model, "the rows")
    if isinstance(model, neighbors.KNeighborsClassifier | neighbors.RadiusNeighborsClassifier):
        _check_votes(model, rows.shape[0])


def _check_metric(model: Any, parameters: Any) -> None:
    for name, value in (parameters or {}).items() if type(parameters) in MAPPINGS else ():
        shape = np.shape(value) if type(value) is np.ndarray and value.dtype.kind in "fiub" else None
        columns = vars(model).get("n_features_in_")
        sound = name in METRIC_NUMBERS and is_scalar(value)
        sound |= name in METRIC_VECTORS and shape == (columns,)
        sound |= name == "VI" and shape == (columns, columns)
        sound |= name in METRIC_VECTORS | {"VI"} and value is None
        if not sound:
            raise _broken(model, "the metric and its parameters")


def _check_votes(model: Any, count: int) -> None:
    targets = vars(model).get("_y")
    usable = type(targets) is np.ndarray and targets.dtype.kind in "iu" and targets.ndim in (1, 2)
    if not usable or len(targets) != count:
        raise _broken(model, "the classes")
    vars(model)["_y"] = targets = targets.copy()
    columns = targets.reshape(len(targets), -1)
    classes = model.classes_ if type(model.classes_) is list else [model.classes_]
    if len(classes) != columns.shape[1]:
        raise _broken(model, "the classes")
    for column, known in zip(columns.T, classes, strict=True):
        if type(known) is not np.ndarray or ((column < 0) | (column >= len(known))).any():
            raise _broken(model, "the classes")


def _centres(model: Any) -> None:
    """Distances to the centres are taken by the columns of the rows."""
    if not _is_fitted(model, "cluster_centers_"):
        return
    if _own(model, "cluster_centers_", "f", 2).shape[1] != _columns(model):
        raise _broken(model, "the centres")
    if isinstance(model, cluster.BisectingKMeans):
        waiting = [model._bisecting_tree]
        while waiting:
            node = waiting.pop()
            if _own(node, "center", "f", 1).shape != (_columns(model),):
                raise _broken(model, "the centres")
            waiting += [child for child in (node.left, node.right) if child is not None]


def _birch(model: Any) -> None:
    if not _is_fitted(model, "subcluster_centers_"):
        return
    centres = _own(model, "subcluster_centers_", "f", 2)
    if len(_own(model, "_subcluster_norms", "f", 1)) != len(centres) or centres.shape[1] != _columns(model):
        raise _broken(model, "the centres")


def _isotonic(model: Any) -> None:
    """Its function is made again of its thresholds, as scikit-learn does while unpickling."""
    if _is_fitted(model, "X_thresholds_"):
        thresholds = [_own(model, name, "f", 1) for name in ("X_thresholds_", "y_thresholds_")]
        if len(thresholds[0]) != len(thresholds[1]):
            raise _broken(model, "the thresholds")
        model._build_f(*thresholds)


CHECKS: dict[type, Callable[[Any], None]] = {
    BaseDecisionTree: _decision_tree,
    BaseLibSVM: _support_vectors,
    NeighborsBase: _neighbours,
    cluster.BisectingKMeans: _centres,
    cluster.Birch: _birch,
    cluster.KMeans: _centres,
    cluster.MiniBatchKMeans: _centres,
    ensemble.GradientBoostingClassifier: _gradient_boosting,
    ensemble.GradientBoostingRegressor: _gradient_boosting,
    isotonic.IsotonicRegression: _isotonic,
}
