"""Owns model files whose native parts point outside themselves, and a child process that opens and asks each.

``python -m tests.support.convert.native_faults`` prints a line for each: its name, and ``refused`` or ``answered``.
Where one is not refused, asking it reads foreign memory, and the process may die of it.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import cluster, ensemble, linear_model, neighbors, preprocessing, svm, tree
from sklearn.feature_extraction import text
from sklearn.neighbors import KDTree
from sklearn.tree._tree import Tree

from convert.errors import Refused
from convert.opening.opener import open_model

ROWS = np.random.default_rng(0).normal(size=(60, 3))
CLASSES = np.arange(60) % 3
FAR = 1 << 28
Change = Callable[[Any], None]


def put(thing: Any, **attributes: Any) -> None:
    """Sets attributes past everything that a class does about it."""
    thing.__dict__.update(attributes)


class _Reduced:
    """Pickles as another object would with another state."""

    def __init__(self, constructor: Any, arguments: Any, state: Any) -> None:
        self.reduced = (constructor, arguments, state)

    def __reduce__(self) -> Any:
        return self.reduced


def _tree_with(fitted: Any, arguments: dict[int, Any], **changes: Any) -> None:
    """Puts a tree of other constructor arguments, or of a changed state, into a fitted estimator."""
    constructor, given, state = fitted.tree_.__reduce__()
    for name, value in changes.items():
        state[name] = value(state[name])
    fitted.tree_ = _Reduced(constructor, tuple(arguments.get(at, value) for at, value in enumerate(given)), state)


def _nodes(**fields: Any) -> Callable[[Any], Any]:
    def change(nodes: Any) -> Any:
        nodes = nodes.copy()
        for name, value in fields.items():
            nodes[name][0] = value
        return nodes

    return change


def _trees() -> Iterator[tuple[str, Any, Change]]:
    one = tree.DecisionTreeClassifier(max_depth=3).fit(ROWS, CLASSES)
    changes: dict[str, tuple[dict[int, Any], dict[str, Any]]] = {
        "child far away": ({}, {"nodes": _nodes(left_child=FAR)}),
        "child before the first": ({}, {"nodes": _nodes(right_child=-FAR)}),
        "left child before the first": ({}, {"nodes": _nodes(left_child=-FAR)}),
        "child is its parent": ({}, {"nodes": _nodes(left_child=0)}),
        "two ways to a node": ({}, {"nodes": lambda nodes: _nodes(left_child=nodes["right_child"][0])(nodes)}),
        "column far away": ({}, {"nodes": _nodes(feature=FAR)}),
        "column before the first": ({}, {"nodes": _nodes(feature=-5)}),
        "more nodes than there are": ({}, {"node_count": lambda _: FAR}),
        "no nodes": ({}, {"node_count": lambda _: 0}),
        "deep beyond all bounds": ({}, {"max_depth": lambda _: (1 << 60) - 1}),
        "shallower than it is": ({}, {"max_depth": lambda _: 0}),
        "values of another shape": ({}, {"values": lambda values: values[:, :, :1].copy()}),
        "columns that the estimator has not": ({0: 1 << 20}, {}),
        "outputs without classes": ({2: 1000}, {}),
        "classes by the billion": ({1: np.array([1 << 40])}, {}),
    }
    for name, (arguments, state) in changes.items():
        yield f"tree: {name}", one, lambda it, a=arguments, s=state: _tree_with(it, a, **s)  # type: ignore[misc]
    forest = ensemble.RandomForestClassifier(2, max_depth=3).fit(ROWS, CLASSES)
    yield "forest: child far away", forest, lambda it: _tree_with(it[1], {}, nodes=_nodes(left_child=FAR))
    yield "forest: no state", forest, lambda it: setattr(it[1], "tree_", _Reduced(Tree, (3, np.array([3]), 1), None))
    yield "forest: columns unchecked", forest, lambda it: delattr(it[1], "n_features_in_")
    boosted = ensemble.GradientBoostingRegressor(n_estimators=2).fit(ROWS, CLASSES)
    wide = tree.DecisionTreeRegressor(max_depth=3).fit(np.hstack([ROWS[:, :1] * 0] * 90 + [ROWS]), CLASSES)
    yield "boosting: a wider tree", boosted, lambda it: it.estimators_.__setitem__((0, 0), wide)
    staged = ensemble.GradientBoostingClassifier(n_estimators=2).fit(ROWS, CLASSES)
    guess = staged.init_.__class__().fit(ROWS, CLASSES > 0)
    yield "boosting: few first guesses", staged, lambda it: put(it, init_=guess)
    isolating = ensemble.IsolationForest(n_estimators=2).fit(ROWS)
    yield "isolation: column far away", isolating, lambda it: _tree_with(it[0], {}, nodes=_nodes(feature=FAR))


def _histograms() -> Iterator[tuple[str, Any, Change]]:
    coded = np.column_stack([CLASSES, ROWS])
    settings: dict[str, Any] = {"max_iter": 2, "categorical_features": [0], "min_samples_leaf": 2}
    fitted = ensemble.HistGradientBoostingRegressor(**settings).fit(coded, np.where(CLASSES == 1, 5.0, 0.0))

    def change(field: str, value: int) -> Change:
        return lambda it: it._predictors[0][0].nodes[field].__setitem__(0, value)

    yield "histograms: child far away", fitted, change("left", FAR)
    yield "histograms: column far away", fitted, change("feature_idx", FAR)
    yield "histograms: set far away", fitted, change("bitset_idx", FAR)
    narrow = np.zeros((1, 2), np.uint32)
    yield "histograms: narrow sets", fitted, lambda it: setattr(it._predictors[0][0], "raw_left_cat_bitsets", narrow)
    plain = ensemble.HistGradientBoostingRegressor(max_iter=2).fit(ROWS, CLASSES)
    narrower = preprocessing.FunctionTransformer(np.mean, kw_args={"axis": 1})
    yield "histograms: narrower rows", plain, lambda it: setattr(it, "_preprocessor", narrower.fit(ROWS))


def _vectors() -> Iterator[tuple[str, Any, Change]]:
    fitted = svm.SVC(probability=False).fit(ROWS, CLASSES)
    short: dict[str, Any] = {
        "support_": lambda array: array[:1],
        "support_vectors_": lambda array: array[:, :1].copy(),
        "_n_support": lambda array: array + 1000,
        "_dual_coef_": lambda array: array[:1].copy(),
        "_intercept_": lambda array: array[:1],
        "_probA": lambda array: np.zeros(1),
    }
    for name, cut in short.items():
        yield f"svm: {name}", fitted, lambda it, n=name, c=cut: put(it, **{n: c(getattr(it, n))})  # type: ignore[misc]
    yield "svm: a hundred classes", fitted, lambda it: put(it, _n_support=np.zeros(100, np.int32))
    yield "svm: columns", fitted, lambda it: put(it, n_features_in_=1)
    spread = svm.SVR().fit(sparse.csr_matrix(ROWS), CLASSES)
    yield "svm: sparse", spread, lambda it: put(it, _dual_coef_=sparse.csr_matrix((1, 60)))


def _near() -> Iterator[tuple[str, Any, Change]]:
    brute = neighbors.KNeighborsClassifier(algorithm="brute").fit(ROWS, CLASSES)
    yield "neighbours: a class far away", brute, lambda it: put(it, _y=it._y + FAR)
    yield "neighbours: few classes", brute, lambda it: put(it, _y=it._y[:1])
    yield "neighbours: few columns", brute, lambda it: put(it, _fit_X=it._fit_X[:, :1].copy())
    norms = {"Y_norm_squared": np.zeros(1)}
    yield "neighbours: few norms", brute, lambda it: put(it, effective_metric_params_=norms)
    inverse = {"VI": np.eye(1)}
    yield "neighbours: small matrix", brute, lambda it: put(it, metric="mahalanobis", metric_params=inverse)
    kd = neighbors.KNeighborsClassifier(algorithm="kd_tree").fit(ROWS, CLASSES)
    constructor, arguments, _ = KDTree(ROWS).__reduce__()
    yield "kd tree: no state", kd, lambda it: put(it, _tree=_Reduced(constructor, arguments, None))
    few = KDTree(ROWS[:, :1]).__reduce__()
    yield "kd tree: few columns", kd, lambda it: put(it, _tree=_Reduced(*few))
    means = cluster.KMeans(3, n_init=1).fit(ROWS)
    yield "k-means: few columns", means, lambda it: put(it, cluster_centers_=it.cluster_centers_[:, :1].copy())
    birch = cluster.Birch(n_clusters=3).fit(ROWS)
    yield "birch: few norms", birch, lambda it: put(it, _subcluster_norms=it._subcluster_norms[:1])


def _others() -> Iterator[tuple[str, Any, Change]]:
    line = linear_model.LogisticRegression().fit(ROWS, CLASSES).sparsify()

    def change(name: str, value: Any) -> Change:
        return lambda it: put(it.coef_, **{name: value})

    for name, value in {
        "indices": np.full(line.coef_.nnz, FAR, np.int32), "indptr": np.array([0, FAR, 0, 0], np.int32),
        "data": np.zeros(1),
    }.items():  # fmt: skip
        yield f"sparse: {name}", line, change(name, value)
    coded = np.where(ROWS > 0, 1.0, 0.0)
    encoder = preprocessing.OneHotEncoder(sparse_output=False).fit(coded)
    yield "one-hot: few columns out", encoder, lambda it: put(it, _n_features_outs=[1, 1, 1])
    unsorted = [np.array([1.0, 0.0])] * 3
    yield "one-hot: unsorted", encoder, lambda it: put(it, categories_=unsorted, handle_unknown="ignore")
    graph = neighbors.KNeighborsTransformer().fit(ROWS)
    yield "graph: few rows", graph, lambda it: put(it, n_samples_fit_=1)
    words = text.CountVectorizer().fit(["one two three"])
    yield "words: far away", words, lambda it: put(it, vocabulary_={"one": FAR, "two": 0, "three": 1})
    spline = preprocessing.SplineTransformer().fit(ROWS)
    yield "spline: few coefficients", spline, lambda it: setattr(it.bsplines_[0], "c", it.bsplines_[0].c[:1])
    yield "spline: high degree", spline, lambda it: setattr(it.bsplines_[0], "k", FAR)


def all_faults() -> Iterator[tuple[str, bytes]]:
    """Every fault, and the pickle that has it."""
    for kind in (_trees, _histograms, _vectors, _near, _others):
        for name, fitted, change in kind():
            model = copy.deepcopy(fitted)
            change(model)
            yield name, pickle.dumps(model)


def _outcome(pickled: bytes) -> str:
    try:
        model = open_model(pickled)
        rows = np.resize(ROWS, (3000, getattr(model, "n_features_in_", 3)))
        for method in ("predict", "transform", "predict_proba", "decision_function", "apply", "decision_path"):
            with contextlib.suppress(AttributeError, ValueError, TypeError, IndexError):
                getattr(model, method)(rows)
        if hasattr(model, "vocabulary_"):
            model.transform(["one two three"]).toarray()
        elif hasattr(model, "categories_"):
            model.transform(np.where(rows > 0, 1.0, 0.0))
    except Refused:
        return "refused"
    except ValueError as error:  # scipy's own words, before anything is read
        return "refused" if "indices must be" in str(error) else "answered"
    return "answered"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for fault, written in all_faults():
        sys.stdout.write(f"{fault}: ")
        sys.stdout.flush()
        sys.stdout.write(f"{_outcome(written)}\n")
