"""Owns the opening of statsmodels' results: of all that a fit keeps, what predicting needs. Imports no statsmodels.

A result holds its model, that its table, family and link. The last three keep next to nothing here; the model is one of
statsmodels' own, made empty, so that its own ``predict`` answers.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array

from convert.errors import Refused
from convert.opening.inert import Inert
from convert.opening.names import statistics as names
from convert.opening.plain import is_scalar
from convert.opening.refusal import hostile

MODULES = frozenset(names.MODELS)
FAMILIES, LINKS = "statsmodels.genmod.families.family", "statsmodels.genmod.families.links"
BROKEN = "a result of statsmodels in the file is broken"
CONSTANT = "Intercept"  # the column of ones that a formula adds
PLAIN_FORMULA = re.compile(r"\s*[A-Za-z_]\w*\s*~(\s*[+-]?\s*([A-Za-z_]\w*|[01]))+\s*")
WITHOUT = "fit without it, or with the offset as one of the columns"
ON_COLUMNS = (
    "make the columns in the table and name them alone (y ~ a + b), or fit on them:"
    " sm.OLS(y, sm.add_constant(table[[...]]))"
)


class FittedTable:
    """Stands for the table of a fit: the names of its columns, those of the formula's own table, if there were any."""

    def __init__(self) -> None:
        self.names: list[Any] | None = None
        self.numbers: list[Any] = []  # of the formula's table: the columns that hold numbers


class FittedResult:
    """Stands for a result inside its wrapper."""

    def __init__(self) -> None:
        self.params: Any = None
        self.model: Any = None


class StatsmodelsResult(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A result as an estimator: its ``predict(rows)`` is that of the statsmodels model inside.

    Rows have the columns of the fit, that of `add_constant` among them; of a formula those that it names, and
    ``intercept_first_`` says whether it puts ones before them. ``X_`` are the rows of the fit, if they are kept.
    """

    params_: Any
    model_: Any
    intercept_first_: bool
    n_features_in_: int

    def predict(self, rows: Any) -> Any:
        """As ``results.predict``; what is missing or infinite is no row of such a model."""
        table = check_array(rows, dtype=np.float64)
        exog = np.insert(table, 0, 1.0, axis=1) if self.intercept_first_ else table
        return self.model_.predict(self.params_, exog)


def fill_table(made: FittedTable, state: Any) -> None:
    """The names alone."""
    held = _dict(state)
    made.names = _names(held.get("orig_exog"))
    frame = held.get("frame")
    if isinstance(frame, pandas.DataFrame):
        made.numbers = [name for name in frame.columns if frame[name].dtype.kind in "fiu"]


def fill_family(made: Any, state: Any) -> None:
    """Its link; the variance says nothing of means."""
    held = _dict(state)
    link = held.get("_link", held.get("link"))
    if not isinstance(link, Inert) and type(link).__module__ != LINKS:
        raise hostile(BROKEN)
    vars(made)["_link" if "_link" in held else "link"] = link


def fill_link(made: Any, state: Any) -> None:
    """The power of those that have one, the distribution of a probit."""
    held = _dict(state or {})
    if type(made).__name__ == "Probit":
        from scipy import stats  # which hardly a model calls

        vars(made)["dbn"] = stats.norm
    if "power" in held:
        if type(held["power"]) not in (int, float):
            raise hostile(BROKEN)
        vars(made)["power"] = held["power"]


def fill_model(made: Any, state: Any) -> None:
    """Its family; what `fill_wrapper` reads of the rest, and then takes away."""
    held = _dict(state)
    own = vars(made)
    if type(made).__name__ == "GLM":
        own["family"] = family = held.get("family")
        if not isinstance(family, Inert) and type(family).__module__ != FAMILIES:
            raise hostile(BROKEN)
    given = [name for name in ("offset", "exposure") if held.get(f"_has_{name}", name in held and "family" not in held)]
    own.update(data=held.get("data"), exog=held.get("exog"), formula=held.get("formula"), given=given)


def fill_result(made: FittedResult, state: Any) -> None:
    """What it was fitted to."""
    held = _dict(state)
    made.params, made.model = held.get("params"), held.get("model")


def fill_wrapper(made: Any, state: Any) -> None:
    """From the result inside. Raises Refused for what predicts otherwise than by the columns."""
    result = _dict(state).get("_results")
    if type(result) is not FittedResult or result.model is None:
        raise hostile(BROKEN)
    params, model = result.params, result.model
    if isinstance(model, Inert):  # a name that is not allowed, which is refused by and by
        return
    if type(model).__module__ not in MODULES:
        raise hostile(BROKEN)
    if type(params) is not np.ndarray or params.ndim != 1 or params.dtype.kind != "f" or not len(params):
        raise hostile(BROKEN)
    own = vars(model)
    table, exog, formula, given = (own.pop(name, None) for name in ("data", "exog", "formula", "given"))
    if given:
        raise Refused(f"this result of statsmodels was fitted with an {given[0]}, which no row brings", WITHOUT)
    columns = table.names if type(table) is FittedTable else None
    if columns is not None and len(columns) != len(params):
        raise hostile(BROKEN)
    first = formula is not None and _has_intercept(formula, columns, table)
    _describe(made, params, model, columns, first)
    if type(exog) is np.ndarray and exog.shape[1:] == params.shape and exog.dtype.kind == "f":
        vars(made)["X_"] = exog[:, int(first) :].copy()


def _describe(made: Any, params: Any, model: Any, columns: list[Any] | None, first: bool) -> None:
    vars(made).update(params_=params.copy(), model_=model, intercept_first_=first)
    vars(made)["n_features_in_"] = len(params) - first
    if columns is not None and all(type(name) is str for name in columns[first:]):
        vars(made)["feature_names_in_"] = np.array(columns[first:], object)


def _has_intercept(formula: Any, made: list[Any] | None, table: FittedTable) -> bool:
    """Whether a formula of nothing but columns of numbers adds ones before them. Raises Refused for any other."""
    first = bool(made) and made[0] == CONSTANT  # type: ignore[index]
    columns = (made or [])[first:]
    plain = type(formula) is str and PLAIN_FORMULA.fullmatch(formula) is not None
    if not plain or not columns or any(name not in table.numbers for name in columns):
        shown = formula[:200] if type(formula) is str else "that is no text"
        raise Refused(f"this result of statsmodels has a formula that makes columns of its own: {shown}", ON_COLUMNS)
    return first


def _names(table: Any) -> list[Any] | None:
    if not isinstance(table, pandas.DataFrame):
        return None
    return list(table.columns) if all(map(is_scalar, table.columns)) else None


def _dict(state: Any) -> dict[Any, Any]:
    if type(state) is not dict:
        raise hostile(BROKEN)
    return state
