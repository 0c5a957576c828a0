"""Exports column-wise functions that were fitted: powers, quantiles, bins, splines, polynomials, norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from scipy.interpolate import BSpline, PPoly
from sklearn import preprocessing
from sklearn.preprocessing._data import BOUNDS_THRESHOLD

from convert.errors import Refused
from convert.exporters.calibration import interpolated
from convert.exporters.functions import FUNCTIONS
from convert.exporters.parts.shapes import column_of
from convert.exporters.preprocessing import scaled
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor


def normalizer(e: Exporter, model: Any, x: Columns) -> Columns:
    """Each row divided by its norm; a row of zeros stays."""
    matrix = x.numbers()
    size = {
        "l1": lambda: matrix.unary("Abs").reduce("ReduceSum"),
        "l2": lambda: (matrix * matrix).reduce("ReduceSum").unary("Sqrt"),
        "max": lambda: matrix.unary("Abs").reduce("ReduceMax"),
    }[model.norm]()
    return columns(matrix / size.equals(0.0).where(np.float64(1.0), size), x.width)


def binarizer(e: Exporter, model: Any, x: Columns) -> Columns:
    """1 above the threshold."""
    return columns((x.numbers() > float(model.threshold)).cast(np.float64), x.width)


def polynomial(e: Exporter, model: Any, x: Columns) -> Columns:
    """Products of columns; a column of ones fills up the shorter ones."""
    ones = e.graph.zeros(x.parts[0][0]) + 1.0
    matrix = e.graph.concat([x.numbers(), ones])
    factors = [np.repeat(np.arange(x.width), powers).tolist() for powers in model.powers_]
    degree = max(1, max(map(len, factors)))
    filled = np.array([used + [x.width] * (degree - len(used)) for used in factors])
    product = matrix.take(filled[:, 0])
    for position in range(1, degree):
        product = product * matrix.take(filled[:, position])
    return columns(product, len(factors))


def power(e: Exporter, model: Any, x: Columns) -> Columns:
    """Yeo-Johnson or Box-Cox with the fitted exponents, then standardised."""
    powers = columns(raised(x.numbers(), model.lambdas_, model.method), x.width)
    return scaled(e, model._scaler, powers) if model.standardize else powers


def raised(matrix: Tensor, exponents: Any, method: str) -> Tensor:
    """By "box-cox", or by "yeo-johnson", which takes negative numbers, too; an exponent for each column."""
    lambdas = np.asarray(exponents, np.float64)
    if method == "box-cox":
        return _grown(matrix.unary("Log"), lambdas)
    log1p = FUNCTIONS[np.log1p]
    positive = matrix >= 0.0
    up = _grown(log1p(positive.where(matrix, np.float64(0.0))), lambdas)
    down = -_grown(log1p(positive.where(np.float64(0.0), -matrix)), 2.0 - lambdas)
    return matrix.is_nan().where(np.float64(np.nan), positive.where(up, down))


def _grown(logs: Tensor, exponents: Array) -> Tensor:
    """``(exp(l * logs) - 1) / l``, and ``logs`` where ``l`` is 0."""
    flat = np.abs(exponents) < np.spacing(1.0)
    safe = np.where(flat, 1.0, exponents)
    grown = FUNCTIONS[np.expm1](logs * safe) / safe
    return logs.graph.constant(flat.reshape(1, -1)).where(logs, grown) if flat.any() else grown


def quantiles(e: Exporter, model: Any, x: Columns) -> Columns:
    """The rank among the training quantiles, between 0 and 1 or as a normal deviate."""
    parts = [_ranked(model, x.take([i]).numbers().reshape(-1), model.quantiles_[:, i]) for i in range(x.width)]
    return columns(e.graph.concat([column_of(part) for part in parts]), x.width)


def _ranked(model: Any, x: Tensor, knots: Array) -> Tensor:
    references = np.asarray(model.references_, np.float64)
    up = interpolated(x, knots, references)
    down = interpolated(-x, -knots[::-1], -references[::-1])
    rank = (up - down) * 0.5
    low, high = float(knots[0]), float(knots[-1])
    normal = model.output_distribution == "normal"
    at_top = x + BOUNDS_THRESHOLD > high if normal else x.equals(high)
    at_bottom = x - BOUNDS_THRESHOLD < low if normal else x.equals(low)
    rank = at_bottom.where(np.float64(0.0), at_top.where(np.float64(1.0), rank))
    rank = x.is_nan().where(np.float64(np.nan), rank)
    return _deviate(rank) if normal else rank


def _deviate(p: Tensor) -> Tensor:
    """The inverse of the normal distribution function, by Wichura's AS 241, cut off where scikit-learn cuts."""
    graph = p.graph
    edge = BOUNDS_THRESHOLD - np.spacing(1)
    inside = graph.op("Clip", p, graph.constant(edge), graph.constant(1 - edge))
    q = inside - 0.5
    size = q.unary("Abs")
    near = q * _ratio(0.180625 - q * q, CENTRE)
    tail = (size < 0.0).where(q, 0.5 - size)
    root = (-graph.op("Max", tail, graph.constant(np.float64(1e-300))).unary("Log")).unary("Sqrt")
    far = (root <= 5.0).where(_ratio(root - 1.6, MIDDLE), _ratio(root - 5.0, TAIL))
    deviate = (size <= 0.425).where(near, far * q.unary("Sign"))
    low, high = scipy.stats.norm.ppf(edge), scipy.stats.norm.ppf(1 - edge)  # imported here: few models need it
    clipped = graph.op("Clip", deviate, graph.constant(np.float64(low)), graph.constant(np.float64(high)))
    return p.is_nan().where(np.float64(np.nan), clipped)


def _ratio(r: Tensor, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    above, below = (_horner(r, part) for part in coefficients)
    return above / below


def _horner(r: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    value = r * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        value = value * r + coefficient
    return value


CENTRE = (
    (
        3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
        4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
    ),
    (
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
        3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
    ),
)  # fmt: skip
MIDDLE = (
    (
        1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
        1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
        1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
    ),
)  # fmt: skip
TAIL = (
    (
        6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
        2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
    (
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
        7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
    ),
)  # fmt: skip


def bins(e: Exporter, model: Any, x: Columns) -> Columns:
    """Which bin a number falls in, as a position or as indicator columns."""
    parts = []
    for column, edges in enumerate(model.bin_edges_):
        inner = np.asarray(edges, np.float64)[1:-1]
        value = x.take([column]).numbers()
        if model.dtype is np.float32:  # then scikit-learn rounds what comes in as well
            value = value.cast(np.float32).cast(np.float64)
        passed = (value >= inner.reshape(1, -1)).cast(np.float64).reduce("ReduceSum") if len(inner) else value * 0.0
        parts.append(passed if model.encode == "ordinal" else passed.equals(np.arange(len(edges) - 1.0)))
    joined = e.graph.concat([part.cast(np.float64) for part in parts])
    return columns(joined, len(parts) if model.encode == "ordinal" else int(sum(model.n_bins_)))


def splines(e: Exporter, model: Any, x: Columns) -> Columns:
    """B-splines as the polynomial of the interval a number falls in."""
    if model.extrapolation == "error":
        raise Refused("extrapolation='error' cannot be answered for a row outside", "fit with 'constant'")
    parts = [_spline(model, spline, x.take([i]).numbers()) for i, spline in enumerate(model.bsplines_)]
    count = model.bsplines_[0].c.shape[1]
    joined = e.graph.concat(parts)
    if not model.include_bias:
        joined = joined.take([i for i in range(count * len(parts)) if (i + 1) % count])
    return columns(joined, int(model.n_features_out_))


def _spline(model: Any, spline: Any, x: Tensor) -> Tensor:
    """[rows, 1] to [rows, splines]."""
    graph, degree = x.graph, spline.k
    low, high = float(spline.t[degree]), float(spline.t[-degree - 1])
    count = spline.c.shape[1]
    pieces = [PPoly.from_spline(BSpline(spline.t, spline.c[:, i], degree)) for i in range(count)]
    knots, coefficients = pieces[0].x, np.stack([piece.c for piece in pieces], axis=2)
    inner = knots[degree + 1 : len(knots) - degree - 1]
    if model.extrapolation == "periodic":
        turns = (x - low) / (high - low)
        at = x - turns.unary("Floor") * (high - low)
    elif model.extrapolation == "continue":
        at = x
    else:
        at = graph.op("Clip", x, graph.constant(np.float64(low)), graph.constant(np.float64(high)))
    passed = (at >= inner.reshape(1, -1)).cast(np.int64).reduce("ReduceSum", keep=False) if len(inner) else None
    which = passed if passed is not None else (at.reshape(-1) * 0.0).cast(np.int64)
    used = slice(degree, degree + len(inner) + 1)
    start = column_of(graph.op("Gather", graph.constant(knots[used]), which, axis=0))
    powers = [graph.op("Gather", graph.constant(part[used]), which, axis=0) for part in coefficients]
    value = powers[0]
    for coefficient in powers[1:]:
        value = value * (at - start) + coefficient
    return _linear_outside(spline, x, value, low, high) if model.extrapolation == "linear" else value


def _linear_outside(spline: Any, x: Tensor, value: Tensor, low: float, high: float) -> Tensor:
    slope = spline.derivative()
    below = (x - low) * slope(low).reshape(1, -1) + spline(low).reshape(1, -1)
    above = (x - high) * slope(high).reshape(1, -1) + spline(high).reshape(1, -1)
    return (x < low).where(below, (x > high).where(above, value))


TRANSFORMS.update(
    {
        preprocessing.Binarizer: binarizer,
        preprocessing.KBinsDiscretizer: bins,
        preprocessing.Normalizer: normalizer,
        preprocessing.PolynomialFeatures: polynomial,
        preprocessing.PowerTransformer: power,
        preprocessing.QuantileTransformer: quantiles,
        preprocessing.SplineTransformer: splines,
    }
)
