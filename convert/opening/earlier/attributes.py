"""Owns what an estimator of an earlier scikit-learn lacks beside one of today's. Knows nothing of names and opcodes.

Exporters read today's attributes, so that each knows one version. Nothing here decides what a model answers: that is
asked of the version that wrote it, and a file that differs is never written.
"""

from __future__ import annotations

import inspect
import re
from collections import UserList
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import sklearn
from sklearn import compose, ensemble, feature_extraction, linear_model, multiclass, neighbors, preprocessing, tree
from sklearn._loss import loss as losses
from sklearn.ensemble._iforest import _average_path_length
from sklearn.tree._tree import Tree

from convert.opening.earlier.names import LOSSES
from convert.opening.refusal import hostile

Version = tuple[int, int]
TODAY = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
MINOR = re.compile(r"(\d{1,3})\.(\d{1,3})(?:(?:a|b|rc)\d)?(?:\.[0-9a-z]{1,9}){0,3}(?:\+[0-9A-Za-z.]{1,40})?", re.ASCII)
OF_CLASSES = 3  # a loss of several classes has at least so many


class RemainderColumns(UserList[Any]):
    """Stands for the list that ColumnTransformer kept of the columns which no transformer named (1.5 to 1.8)."""


class EarlierLoss:
    """Stands for a loss that gradient boosting kept, until its estimator has one of today's."""


STAND_INS: dict[str, type] = {full: type(full.rpartition(".")[2], (EarlierLoss,), {"full": full}) for full in LOSSES}


def minor_of(text: Any) -> Version | None:
    """``1.2.2`` is (1, 2); None for what is no version."""
    found = MINOR.fullmatch(text) if type(text) is str else None
    return (int(found[1]), int(found[2])) if found else None


def complete(model: Any, text: Any) -> None:
    """Gives an estimator what it lacks. ``text`` is the version that wrote it."""
    version = minor_of(text)
    if version is None or version == TODAY:
        return
    held = vars(model)
    _rename_base(model, held)
    for name, default in _defaults(type(model)):  # type: ignore[arg-type]
        held.setdefault(name, default)
    for kind, step in STEPS:
        if isinstance(model, kind):
            step(model, held, version)


def _rename_base(model: Any, held: dict[str, Any]) -> None:
    """What is an ``estimator`` was a ``base_estimator`` until 1.1, in some classes until 1.6."""
    if "base_estimator" not in inspect.signature(type(model).__init__).parameters:
        for old in ("base_estimator", "base_estimator_"):
            if old in held:
                held.setdefault(old.removeprefix("base_"), held.pop(old))


@lru_cache(maxsize=1024)
def _defaults(kind: type) -> tuple[tuple[str, Any], ...]:
    """A parameter that came later does by default what was done before."""
    parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    return tuple((given.name, given.default) for given in parameters if given.default is not inspect.Parameter.empty)


def _classes_of_tree(model: Any, held: dict[str, Any], version: Version) -> None:
    """Leaves held counts until 1.3, and the fractions were made of them while predicting."""
    nodes = held.get("tree_")
    if version >= (1, 4) or not isinstance(nodes, Tree):
        return
    values = nodes.value
    summed = values.sum(axis=2, keepdims=True)
    summed[summed == 0.0] = 1.0
    values /= summed


def _boosting(model: Any, held: dict[str, Any], version: Version) -> None:
    if "loss_" in held:  # 1.0
        held["_loss"] = held.pop("loss_")
    earlier = held.get("_loss")
    if not isinstance(earlier, EarlierLoss):
        return
    name = LOSSES[type(earlier).full]  # type: ignore[attr-defined]
    count = len(held.get("classes_", ()))
    if name == "HalfMultinomialLoss":
        if count < OF_CLASSES:
            raise hostile("a loss of the file does not fit its classes")
        held["_loss"] = losses.HalfMultinomialLoss(n_classes=count)
    else:
        held["_loss"] = getattr(losses, name)()


def _histograms(model: Any, held: dict[str, Any], version: Version) -> None:
    """Columns are taken as they come, until a ``_preprocessor`` encodes categories (1.4)."""
    held.setdefault("_preprocessor", None)
    held.setdefault("_is_categorical_remapped", held.get("is_categorical_"))
    _boosting(model, held, version)


def _columns(model: Any, held: dict[str, Any], version: Version) -> None:
    """The list of the remaining columns is a plain one."""
    fitted = held.get("transformers_")
    if type(fitted) is list:
        held["transformers_"] = [tuple(map(_plain, step)) if type(step) is tuple else step for step in fitted]
    if type(held.get("_columns")) is list:
        held["_columns"] = [_plain(column) for column in held["_columns"]]
    if "_remainder" in held and type(held["_remainder"]) is tuple:
        held["_remainder"] = tuple(map(_plain, held["_remainder"]))
    indices = held.get("_transformer_to_input_indices")
    if type(indices) is dict:
        held["_transformer_to_input_indices"] = {name: _plain(columns) for name, columns in indices.items()}


def _plain(value: Any) -> Any:
    return list(value.data) if isinstance(value, RemainderColumns) else value


def _one_hot(model: Any, held: dict[str, Any], version: Version) -> None:
    """Without infrequent categories (until 1.0) each category has a column of its own."""
    held.setdefault("_infrequent_enabled", False)
    held.setdefault("_drop_idx_after_grouping", held.get("drop_idx_"))
    if "sparse" in held:  # until 1.1
        held["sparse_output"] = held.pop("sparse")


def _ordinal(model: Any, held: dict[str, Any], version: Version) -> None:
    held.setdefault("_infrequent_enabled", False)


def _weights_of_words(model: Any, held: dict[str, Any], version: Version) -> None:
    """They stood on the diagonal of a matrix until 1.4."""
    if "idf_" not in held and hasattr(held.get("_idf_diag"), "diagonal"):
        held["idf_"] = np.asarray(held.pop("_idf_diag").diagonal(), np.float64)


def _stochastic(model: Any, held: dict[str, Any], version: Version) -> None:
    """The loss was also called ``log`` until 1.2."""
    if held.get("loss") == "log":
        held["loss"] = "log_loss"


def _generalised(model: Any, held: dict[str, Any], version: Version) -> None:
    """The loss was a distribution and a link in 1.0."""
    if "coef_" in held:
        held.setdefault("_base_loss", model._get_loss())


def _ridge(model: Any, held: dict[str, Any], version: Version) -> None:
    if "_label_binarizer" in held:
        held.setdefault("classes_", vars(held["_label_binarizer"]).get("classes_"))


def _centroids(model: Any, held: dict[str, Any], version: Version) -> None:
    """Classes had no priors until 1.5, and columns no spread."""
    centroids = held.get("centroids_")
    if isinstance(centroids, np.ndarray) and centroids.ndim == 2:
        held.setdefault("class_prior_", np.full(len(centroids), 1 / len(centroids)))
        held.setdefault("within_class_std_dev_", np.ones(centroids.shape[1]))


def _isolation(model: Any, held: dict[str, Any], version: Version) -> None:
    """What a leaf's depth and its rows count for was computed while predicting, until 1.2."""
    trees = [vars(member).get("tree_") for member in held.get("estimators_", ())]
    if "_decision_path_lengths" not in held and trees and all(isinstance(nodes, Tree) for nodes in trees):
        held["_average_path_length_per_tree"] = tuple(_average_path_length(nodes.n_node_samples) for nodes in trees)
        held["_decision_path_lengths"] = tuple(nodes.compute_node_depths() for nodes in trees)


def _votes(model: Any, held: dict[str, Any], version: Version) -> None:
    """A vote for a class was none against the others until 1.2; exporters ask for this."""
    held["_votes_against"] = version >= (1, 3)


def _rest(model: Any, held: dict[str, Any], version: Version) -> None:
    """Where no class has a probability, shares of nothing were no numbers until 1.6; exporters ask for this."""
    held["_shares_of_nothing"] = version < (1, 7)


STEPS: tuple[tuple[Any, Callable[[Any, dict[str, Any], Version], None]], ...] = (
    ((tree.DecisionTreeClassifier,), _classes_of_tree),
    ((ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor), _boosting),
    ((ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor), _histograms),
    ((compose.ColumnTransformer,), _columns),
    ((preprocessing.OneHotEncoder,), _one_hot),
    ((preprocessing.OrdinalEncoder,), _ordinal),
    ((feature_extraction.text.TfidfTransformer,), _weights_of_words),
    ((linear_model.SGDClassifier,), _stochastic),
    ((linear_model.GammaRegressor, linear_model.PoissonRegressor, linear_model.TweedieRegressor), _generalised),
    ((linear_model.RidgeClassifier, linear_model.RidgeClassifierCV), _ridge),
    ((neighbors.NearestCentroid,), _centroids),
    ((ensemble.IsolationForest,), _isolation),
    ((ensemble.AdaBoostClassifier,), _votes),
    ((multiclass.OneVsRestClassifier,), _rest),
)
