"""Owns what each allowed name is good for: its kind, what takes its place, what fills an empty instance. Data only."""

from __future__ import annotations

from sklearn.tree._tree import Tree

from convert.opening import allowlist
from convert.opening.earlier import attributes
from convert.opening.earlier.names import INERT_NAMES, REMAINDER
from convert.opening.inert import CurveScorer
from convert.opening.making import arrays, boosters, catboosts, frames, natives, statistics, xgboosters
from convert.opening.making.makers import Fill
from convert.opening.making.tables import ImputerStep
from convert.opening.names import statistics as of_statistics

SUBSTITUTES: dict[str, type] = {
    "pandas.core.internals.managers.SingleBlockManager": frames.Manager,
    "sklearn.metrics._scorer._CurveScorer": CurveScorer,
    REMAINDER: attributes.RemainderColumns,
    **attributes.STAND_INS,
    **dict.fromkeys(allowlist.full_names(of_statistics.WRAPPERS), statistics.StatsmodelsResult),
    **dict.fromkeys(allowlist.full_names(of_statistics.RESULTS), statistics.FittedResult),
    **dict.fromkeys(allowlist.full_names(of_statistics.TABLES), statistics.FittedTable),
}
FILLS: dict[str, Fill] = {
    "catboost": catboosts.fill_catboost,
    "frame": frames.fill_frame,
    "lightgbm.basic.Booster": boosters.fill_lightgbm,
    "manager": frames.fill_manager,
    "predictor": natives.fill_predictor,
    "series": frames.fill_series,
    "sparse": arrays.fill_sparse,
    "spline": natives.fill_spline,
    "statistics": statistics.fill_result,
    "statistics family": statistics.fill_family,
    "statistics link": statistics.fill_link,
    "statistics model": statistics.fill_model,
    "statistics table": statistics.fill_table,
    "xgboost.core.Booster": xgboosters.fill_xgboost,
    **dict.fromkeys(allowlist.full_names(of_statistics.WRAPPERS), statistics.fill_wrapper),
}
NEED_STATE = ("booster", "frame", "series")
MADE_KINDS = {
    **dict.fromkeys(natives.NEIGHBOURS.values(), "neighbours"),
    ImputerStep: "imputer step",
    Tree: "tree",
    str.lower: "lowering",
    str.split: "splitting",
}


def _kinds() -> dict[str, str]:
    tables = {"estimator": allowlist.ESTIMATORS, **allowlist.PARTS, **allowlist.NATIVES}
    kinds = {full: kind for kind, names in tables.items() for full in allowlist.full_names(names)}
    return kinds | dict.fromkeys(attributes.STAND_INS, "earlier loss")


KINDS = _kinds()
FUNCTIONS = allowlist.full_names(allowlist.FUNCTIONS)
TYPES = allowlist.full_names(allowlist.TYPES)
INERT = allowlist.full_names(allowlist.INERT) | allowlist.full_names(allowlist.SEARCH) | INERT_NAMES
