"""Exports statsmodels' regressions: one matrix product in double, then the inverse link. Imports no statsmodels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.exporters.gaussian_process import erf
from convert.exporters.linear import product
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.opening.making.statistics import StatsmodelsResult


def result(e: Exporter, model: StatsmodelsResult, x: Columns) -> Prediction:
    """``exog @ params`` through the link that the model has by its nature, or by its family."""
    params, first = model.params_, int(model.intercept_first_)
    raw = product(x.numbers(), params[first:], float(params[0]) if first else 0.0)
    kind = type(model.model_).__name__
    if kind == "GLM":
        return Prediction(value=_through(model.model_.family.link, raw))
    return Prediction(value=OF_MODELS[kind](raw))


def _through(link: Any, raw: Tensor) -> Tensor:
    kind = type(link).__name__
    if kind in OF_LINKS:
        return OF_LINKS[kind](raw)
    power = getattr(link, "power", None)
    if power in (1, -1, 0.5):
        return {1: lambda: raw, -1: lambda: 1.0 / raw, 0.5: lambda: raw * raw}[power]()
    raise Refused(f"the link {kind} is not exported", "fit with the family's own link, or with Log or Identity")


def _same(raw: Tensor) -> Tensor:
    return raw


def _exp(raw: Tensor) -> Tensor:
    return raw.unary("Exp")


def _logistic(raw: Tensor) -> Tensor:
    return 1.0 / (1.0 + (-raw).unary("Exp"))


def _normal(raw: Tensor) -> Tensor:
    return (erf(raw * np.sqrt(0.5)) + 1.0) * 0.5


OF_MODELS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "GLS": _same, "Logit": _logistic, "OLS": _same, "Poisson": _exp, "Probit": _normal, "QuantReg": _same,
    "RLM": _same, "WLS": _same,
}  # fmt: skip
OF_LINKS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "CLogLog": lambda raw: 1.0 - (-(raw.unary("Exp"))).unary("Exp"),
    "Log": _exp,
    "LogLog": lambda raw: (-((-raw).unary("Exp"))).unary("Exp"),
    "Logit": _logistic,
    "Probit": _normal,
}
PREDICTIONS[StatsmodelsResult] = result
