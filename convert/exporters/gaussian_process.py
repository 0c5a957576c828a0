"""Exports Gaussian processes in double: their composed kernels, means and class probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import gaussian_process
from sklearn.gaussian_process import kernels

from convert.errors import Refused
from convert.exporters.parts.distances import squared
from convert.exporters.parts.shapes import column_of, pair, total
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.graph.columns import Columns
from convert.graph.graph import Array, Tensor


def covariances(x: Tensor, points: Array, term: Any) -> Tensor:
    """[rows, points] by a Gaussian process' kernel, which may be composed. Raises Refused."""
    match term:
        case kernels.Sum():
            return covariances(x, points, term.k1) + covariances(x, points, term.k2)
        case kernels.Product():
            return covariances(x, points, term.k1) * covariances(x, points, term.k2)
        case kernels.Exponentiation():
            return covariances(x, points, term.kernel) ** float(term.exponent)
        case kernels.ConstantKernel():
            return _level(x, points, float(term.constant_value))
        case kernels.WhiteKernel():
            return _level(x, points, 0.0)
        case kernels.Matern():
            return _matern(x, points, term)
        case kernels.RBF():
            return (squared(x / term.length_scale, points / term.length_scale) * -0.5).unary("Exp")
        case kernels.RationalQuadratic():
            base = squared(x, points) / float(2 * term.alpha * term.length_scale**2) + 1.0
            return base ** float(-term.alpha)
        case kernels.DotProduct():
            return x @ points.T + float(term.sigma_0**2)
        case kernels.ExpSineSquared():
            wave = (squared(x, points).unary("Sqrt") * float(np.pi / term.periodicity)).unary("Sin")
            return (wave * wave * float(-2.0 / term.length_scale**2)).unary("Exp")
    raise Refused(f"the kernel {type(term).__name__} is not exported", "use another kernel")


def _level(x: Tensor, points: Array, value: float) -> Tensor:
    return x.graph.zeros(x) + np.full((1, len(points)), value)


def _matern(x: Tensor, points: Array, term: Any) -> Tensor:
    far = squared(x / term.length_scale, points / term.length_scale).unary("Sqrt")
    if term.nu == 0.5:
        return (-far).unary("Exp")
    if term.nu == 1.5:
        scaled = far * float(np.sqrt(3))
        return (scaled + 1.0) * (-scaled).unary("Exp")
    if term.nu == 2.5:
        scaled = far * float(np.sqrt(5))
        return (scaled * scaled / 3.0 + scaled + 1.0) * (-scaled).unary("Exp")
    if term.nu == np.inf:
        return (far * far * -0.5).unary("Exp")
    raise Refused(f"Matern with nu={term.nu} needs Bessel functions", "use nu 0.5, 1.5, 2.5 or inf")


def process_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean of the process."""
    if not hasattr(model, "X_train_"):
        raise Refused("this GaussianProcessRegressor is not fitted", "call fit before pickling")
    alpha = np.asarray(model.alpha_)
    alpha = alpha.ravel() if alpha.shape[1:] == (1,) else alpha  # of one target it answers a vector
    mean = covariances(x.numbers(), model.X_train_, model.kernel_) @ alpha
    return Prediction(value=mean * model._y_train_std + model._y_train_mean)


def process_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The logistic of the latent process, as five error functions; one process per class where there are more."""
    if model.n_classes_ == 2:
        latent, p = _laplace(model.base_estimator_, x.numbers())
        return Prediction(index=(latent > 0.0).cast(np.int64), probabilities=pair(p))
    if model.multi_class != "one_vs_rest":
        raise Refused("one-vs-one Gaussian processes have no probabilities", "use multi_class='one_vs_rest'")
    each = [_laplace(process, x.numbers())[1] for process in model.base_estimator_.estimators_]
    joined = e.graph.concat([column_of(p) for p in each])
    return Prediction(index=joined.argmax(), probabilities=joined / joined.reduce("ReduceSum"))


def _laplace(process: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """[rows] latent mean and probability, after Williams and Barber."""
    covariance = covariances(x, process.X_train_, process.kernel_)
    mean = covariance @ np.asarray(process.y_train_ - process.pi_)
    solved = np.linalg.solve(process.L_, np.diag(process.W_sr_))
    explained = covariance @ solved.T
    own = np.unique(process.kernel_.diag(process.X_train_[:1]))
    if not process.kernel_.is_stationary():
        raise Refused("a kernel whose variance changes from row to row", "use a stationary kernel")
    variance = float(own[0]) - (explained * explained).reduce("ReduceSum", keep=False)
    weights = zip(LAMBDAS, COEFFICIENTS, strict=True)
    alpha = 1.0 / (variance * 2.0)
    parts = [erf(mean * a * (alpha / (alpha + a * a)).unary("Sqrt")) * (0.5 * c) for a, c in weights]
    return mean, total(parts) + 0.5 * float(sum(COEFFICIENTS))


LAMBDAS = (0.41, 0.4, 0.37, 0.44, 0.39)
COEFFICIENTS = (-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654)


TERMS = 120  # of the series: at 6, where it is cut off, 60 leave an error of 1e-4, 110 none


def erf(x: Tensor) -> Tensor:
    """The error function in double, which ONNX Runtime has in single precision only: a series, and its tail."""
    size = x.graph.op("Min", x.unary("Abs"), x.graph.constant(6.0))
    square = size * size
    term, series = size, size
    for n in range(1, TERMS):
        term = term * square * (2.0 / (2 * n + 1))
        series = series + term
    near = series * (-square).unary("Exp") * float(2 / np.sqrt(np.pi))
    return x.graph.op("Min", near, x.graph.constant(1.0)) * x.unary("Sign")


PREDICTIONS.update(
    {
        gaussian_process.GaussianProcessClassifier: process_classifier,
        gaussian_process.GaussianProcessRegressor: process_regressor,
    }
)
