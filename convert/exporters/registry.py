"""Owns which estimator class is exported by which function, and the walk through nested estimators.

A family file fills `TRANSFORMS` and `PREDICTIONS` at its bottom. An exporter function gets the `Exporter` (for what it
wraps), the fitted estimator and its input columns. Only exact classes count: a subclass may override anything.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from convert.errors import Refused, unforeseen
from convert.exporters.parts.classes import check_classes
from convert.exporters.parts.sparseness import gives_sparse
from convert.graph.columns import Columns
from convert.graph.graph import Array, Graph, Tensor
from convert.inside import Inner, inside


@dataclass(frozen=True, slots=True)
class Prediction:
    """What predicting gives, as far as the estimator has it.

    ``index`` [rows] is the position of the predicted class in ``classes_``; ``label`` [rows] stands where labels are
    not looked up in classes (outlier detectors, clusterers); ``probabilities`` [rows, classes]; ``scores`` is
    ``decision_function`` in scikit-learn's own shape; ``value`` is a regressor's answer in scikit-learn's own shape.
    ``log_odds`` [rows] is there where the second of two probabilities is its sigmoid, for who shares probabilities out.
    ``targets`` holds one prediction per target of a multi-output classifier, and then nothing else is set.
    """

    index: Tensor | None = None
    label: Tensor | None = None
    probabilities: Tensor | None = None
    scores: Tensor | None = None
    log_odds: Tensor | None = None
    value: Tensor | None = None
    targets: tuple[Prediction, ...] = ()

    def need(self, name: str) -> Tensor:
        """One of the tensors, by field name; refused where the estimator does not have it."""
        tensor: Tensor | None = getattr(self, name)
        if tensor is None:
            raise Refused(
                f"the estimator inside has no {name} that could be exported", "predict with another estimator"
            )
        return tensor


@dataclass(frozen=True, slots=True)
class TreeSplits:
    """What one tree asks, by node [nodes], the first its root: a column, and the ``threshold`` it compares with.

    The threshold is NaN at leaves and where categories are parted. ``left`` is the node for what is not above it,
    ``right`` the other; at leaves they are 0 or less.
    """

    columns: Array
    thresholds: Array
    left: Array
    right: Array


@dataclass(frozen=True, slots=True)
class BoosterHints:
    """What a booster tells of its columns, by position.

    ``points`` are numbers it compares with, ``codes`` whole numbers that it takes for categories, ``categories`` the
    values of pandas columns of categories; where those are ``closed``, it takes no others.
    """

    points: Mapping[int, Sequence[float]]
    codes: Mapping[int, Sequence[int]] = field(default_factory=dict)
    categories: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    closed: bool = False
    trees: Sequence[TreeSplits] = ()


@dataclass(frozen=True, slots=True)
class TableHints:
    """What a step of a library tells of the table that it sees, by position.

    ``categories`` are the values that it knows, ``points`` numbers near which values lie, ``passed`` which of its
    columns each column behind it is, None for one that it made; ``inverses`` lead from such a column's values back.
    """

    categories: Mapping[int, Sequence[Any]]
    passed: Sequence[int | None]
    points: Mapping[int, Sequence[float]] = field(default_factory=dict)
    inverses: Mapping[int, Callable[[Any], Any]] = field(default_factory=dict)


Transform = Callable[["Exporter", Any, Columns], Columns]
Predict = Callable[["Exporter", Any, Columns], Prediction]

TRANSFORMS: dict[type, Transform] = {}
PREDICTIONS: dict[type, Predict] = {}
FAMILIES = (
    "bayes", "boosting", "calibration", "clusters", "coding", "compose", "dummy", "encoders", "ensembles", "factors",
    "functions", "gaussian_process", "hashing", "imputing", "iterating", "kernels", "linear", "multiclass",
    "neighbors", "network", "numeric", "preprocessing", "projection", "records", "sampling", "statistics", "text",
    "topics", "trees", "wrappers",
)  # fmt: skip
OPTIONAL = frozenset(
    {"catboost", "category_encoders", "feature_engine", "imblearn", "lightgbm", "xgboost"}
)  # packages that need not be installed; a family each


class OwnSteps(Protocol):
    """Who exports what no table has: a person's own classes and functions, by what they do with numpy and pandas."""

    def has(self, estimator: Any) -> bool:
        """Whether this estimator is of a person's own code."""

    def transform(self, e: Exporter, estimator: Any, x: Columns) -> Columns:
        """As an exporter of ``transform``. Raises Refused."""

    def predict(self, e: Exporter, estimator: Any, x: Columns) -> Prediction:
        """As an exporter of ``predict``. Raises Refused."""


RecordTexts = Callable[[Any, Tensor], Tensor]  # what a person's function of one text makes of texts [rows]


@dataclass(slots=True)
class Exporter:
    """One export: the graph it fills, the path of the estimator it is at, who exports a person's own code, the names of
    the model's columns, and who records a person's function of one text."""

    graph: Graph
    path: list[str] = field(default_factory=list)
    own: OwnSteps | None = None
    names: tuple[str, ...] = ()
    record_texts: RecordTexts | None = None

    def transform(self, estimator: Any, x: Columns, step: str = "") -> Columns:
        """What ``estimator.transform`` gives for these columns. Raises Refused."""
        with self._at(step, estimator):
            own = self.own.transform if self.own is not None and self.own.has(estimator) else None
            export: Transform = own or _find(TRANSFORMS, estimator, "transform")
            return replace(export(self, estimator, x), sparse=gives_sparse(estimator, x.sparse))

    def predict(self, estimator: Any, x: Columns, step: str = "") -> Prediction:
        """What the predicting methods of ``estimator`` give for these columns. Raises Refused."""
        with self._at(step, estimator):
            own = self.own.predict if self.own is not None and self.own.has(estimator) else None
            export: Predict = own or _find(PREDICTIONS, estimator, "predict")
            if own is None:
                check_classes(estimator)
            return export(self, estimator, x)

    def predict_inside(self, wrapper: Any, x: Columns) -> list[Prediction]:
        """What each estimator inside gives that sees columns of ``x`` alone. Raises Refused."""
        parts = [part for part in inside(wrapper) if part.sees_rows]
        return [self.predict(part.estimator, seen_by(part, x), part.name) for part in parts]

    @contextmanager
    def _at(self, step: str, estimator: Any) -> Iterator[None]:
        self.path.append(f"{step}={type(estimator).__name__}" if step else type(estimator).__name__)
        try:
            yield
        except Refused as refusal:
            refusal.where = refusal.where or " > ".join(self.path)
            raise
        except (MemoryError, PermissionError):  # the child has words of its own for these
            raise
        except Exception as error:
            raise unforeseen(error, " > ".join(self.path)) from error
        finally:
            self.path.pop()


def seen_by(part: Inner, x: Columns) -> Columns:
    """Those of its wrapper's columns ``x`` that an estimator inside sees."""
    return x if part.columns is None else x.take([position for position in part.columns if position is not None])


def load_families() -> None:
    """Imports every family, which fills the two tables."""
    for family in FAMILIES:
        importlib.import_module(f"convert.exporters.{family}")


def optional_family(estimator: Any) -> Any:
    """The family of an optional package's estimator, imported; None for any other estimator."""
    package = type(estimator).__module__.partition(".")[0]
    return importlib.import_module(f"convert.exporters.{package}") if package in OPTIONAL else None


def _find(table: dict[type, Any], estimator: Any, method: str) -> Any:
    kind = type(estimator)
    optional_family(estimator)
    if kind not in table:
        raise Refused(
            f"there is no converter for {method} of {kind.__module__}.{kind.__qualname__}",
            "use an estimator of docs/coverage.md in its place, or register a converter of your own with --converters",
        )
    return table[kind]
