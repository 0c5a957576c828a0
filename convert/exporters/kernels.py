"""Exports kernel methods in double: support vectors, ridge, Gaussian processes, approximations of kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import covariance, decomposition, gaussian_process, kernel_approximation, kernel_ridge, manifold, svm
from sklearn.gaussian_process import kernels

from convert.errors import Refused
from convert.exporters.linear import product
from convert.exporters.neighbors import closest
from convert.exporters.parts.distances import distances, squared
from convert.exporters.parts.shapes import column_of, pair, total
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor


def kernel(x: Tensor, points: Array, kind: Any, gamma: float, degree: float, coef0: float) -> Tensor:
    """[rows, points] by one of scikit-learn's named kernels. Raises Refused."""
    points = np.asarray(points.toarray() if hasattr(points, "toarray") else points, np.float64)
    match kind:
        case "linear":
            return x @ points.T
        case "rbf":
            return (squared(x, points) * -gamma).unary("Exp")
        case "poly" | "polynomial":
            return ((x @ points.T) * gamma + coef0) ** float(degree)
        case "sigmoid":
            return ((x @ points.T) * gamma + coef0).unary("Tanh")
        case "laplacian":
            return (distances(x, points, "manhattan") * -gamma).unary("Exp")
    raise Refused(f"the kernel {kind!r} is not exported", "use linear, rbf, poly, sigmoid or laplacian")


def _support(model: Any, x: Columns) -> Tensor:
    return kernel(x.numbers(), model.support_vectors_, model.kernel, model._gamma, model.degree, model.coef0)


def support_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One decision per pair of classes, then votes; what scikit-learn calls scores is made of both."""
    classes = len(model.classes_)
    dual = np.asarray(model._dual_coef_.toarray() if model._sparse else model._dual_coef_)
    decided = product(_support(model, x), _pair_weights(model, dual, classes), model._intercept_)
    if classes == 2:
        # libsvm's sign is the first class's; scikit-learn turns it round
        scores = -decided.reshape(-1)
        return Prediction(index=(scores >= 0.0).cast(np.int64), scores=scores, probabilities=_platt(model, scores))
    if model.probability is True:
        raise Refused(
            "SVC(probability=True) with three classes or more couples pairs by iteration",
            "wrap SVC() in CalibratedClassifierCV",
        )
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    first = (decided > 0.0).cast(np.float64)
    for_first, for_second = (_homes(pairs, side, classes) for side in (0, 1))
    votes = first @ for_first + (1.0 - first) @ for_second
    if model.decision_function_shape == "ovo":
        return Prediction(index=votes.argmax(), scores=decided)
    ahead = decided @ (for_first - for_second)
    against = (decided < 0.0).cast(np.float64)
    whole = (1.0 - against) @ for_first + against @ for_second
    scores = whole + ahead / ((ahead.unary("Abs") + 1.0) * 3.0)
    return Prediction(index=scores.argmax() if model.break_ties else votes.argmax(), scores=scores)


def _homes(pairs: list[tuple[int, int]], side: int, classes: int) -> Array:
    homes = np.zeros((len(pairs), classes))
    for row, both in enumerate(pairs):
        homes[row, both[side]] = 1.0
    return homes


def _pair_weights(model: Any, dual: Array, classes: int) -> Array:
    """[support vectors, pairs]: libsvm keeps the coefficients of each class against each other one in rows."""
    ends = np.cumsum(model._n_support)
    starts = ends - model._n_support
    weights = np.zeros((dual.shape[1], classes * (classes - 1) // 2))
    column = 0
    for i in range(classes):
        for j in range(i + 1, classes):
            weights[starts[i] : ends[i], column] = dual[j - 1, starts[i] : ends[i]]
            weights[starts[j] : ends[j], column] = dual[i, starts[j] : ends[j]]
            column += 1
    return weights


def _platt(model: Any, scores: Tensor) -> Tensor | None:
    if model.probability is not True:
        return None
    limits = (scores.graph.constant(1e-7), scores.graph.constant(1 - 1e-7))
    # the sign again: libsvm's decision is for the first class
    first = (scores * float(model._probA[0]) - float(model._probB[0])).unary("Sigmoid")
    return pair(1.0 - scores.graph.op("Clip", first, *limits))


def support_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A sum over support vectors."""
    dual = np.ravel(model._dual_coef_.toarray() if model._sparse else model._dual_coef_)
    return Prediction(value=product(_support(model, x), dual, float(model._intercept_[0])))


def support_outliers(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Inside above 0."""
    dual = np.ravel(model._dual_coef_.toarray() if model._sparse else model._dual_coef_)
    scores = product(_support(model, x), dual, float(model._intercept_[0]))
    return Prediction(label=(scores > 0.0).where(np.int64(1), e.graph.constant(np.int64(-1))), scores=scores)


def elliptic(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Distance from the centre by the fitted covariance."""
    moved = x.numbers() - model.location_
    squares = ((moved @ model.get_precision()) * moved).reduce("ReduceSum", keep=False)
    scores = -squares - float(model.offset_)
    return Prediction(label=(scores >= 0.0).where(np.int64(1), e.graph.constant(np.int64(-1))), scores=scores)


def _gamma(model: Any, width: int) -> float:
    return float(getattr(model, "gamma_", None) or model.gamma or 1.0 / width)


def ridge(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A sum over training rows."""
    values = kernel(x.numbers(), model.X_fit_, model.kernel, _gamma(model, x.width), model.degree, model.coef0)
    return Prediction(value=values @ np.asarray(model.dual_coef_))


def nystroem(e: Exporter, model: Any, x: Columns) -> Columns:
    """Kernel values against some training rows, whitened."""
    default = {"poly": 3, "polynomial": 3}.get(model.kernel, 3)
    degree = default if model.degree is None else model.degree
    coef0 = 1.0 if model.coef0 is None else model.coef0
    values = kernel(x.numbers(), model.components_, model.kernel, _gamma(model, x.width), degree, coef0)
    return columns(values @ model.normalization_.T, len(model.components_))


def fourier(e: Exporter, model: Any, x: Columns) -> Columns:
    """Random cosines that stand for a Gaussian kernel."""
    waves = product(x.numbers(), model.random_weights_, model.random_offset_).unary("Cos")
    count = model.random_weights_.shape[1]
    return columns(waves * float(np.sqrt(2.0 / count)), count)


def skewed(e: Exporter, model: Any, x: Columns) -> Columns:
    """Random cosines of logarithms."""
    logs = (x.numbers() + float(model.skewedness)).unary("Log")
    count = model.random_weights_.shape[1]
    waves = product(logs, model.random_weights_, model.random_offset_).unary("Cos")
    return columns(waves * float(np.sqrt(2.0) / np.sqrt(count)), count)


def additive(e: Exporter, model: Any, x: Columns) -> Columns:
    """Sampled components of the chi-squared kernel; 0 stays 0."""
    matrix = x.numbers()
    interval = getattr(model, "sample_interval_", None) or model.sample_interval
    interval = interval or {1: 0.8, 2: 0.5, 3: 0.4}[model.sample_steps]
    zero = matrix.equals(0.0)
    safe = zero.where(np.float64(1.0), matrix)
    logs = safe.unary("Log")
    parts = [(safe * float(interval)).unary("Sqrt")]
    for step in range(1, model.sample_steps):
        size = (safe * float(2 * interval / np.cosh(np.pi * step * interval))).unary("Sqrt")
        parts += [size * (logs * float(step * interval)).unary(wave) for wave in ("Cos", "Sin")]
    kept = [zero.where(np.float64(0.0), part) for part in parts]
    return columns(e.graph.concat(kept), x.width * len(kept))


def kernel_components(e: Exporter, model: Any, x: Columns) -> Columns:
    """Principal components of centred kernel values."""
    gamma = _gamma(model, x.width)
    return _components(model, kernel(x.numbers(), model.X_fit_, model.kernel, gamma, model.degree, model.coef0))


def _components(model: Any, values: Tensor) -> Columns:
    centre = model._centerer
    centred = values - values.reduce("ReduceMean") - centre.K_fit_rows_ + float(centre.K_fit_all_)
    used = np.flatnonzero(model.eigenvalues_)
    scaled = np.zeros_like(model.eigenvectors_)
    scaled[:, used] = model.eigenvectors_[:, used] / np.sqrt(model.eigenvalues_[used])
    return columns(centred @ scaled, scaled.shape[1])


def isomap(e: Exporter, model: Any, x: Columns) -> Columns:
    """Kernel components of the shortest way through the neighbours."""
    if model.n_neighbors is None:
        raise Refused("Isomap by radius is not exported", "use n_neighbors")
    near, where = closest(model.nbrs_, x.numbers(), model.nbrs_.n_neighbors)
    ways = e.graph.op("Gather", e.graph.constant(np.asarray(model.dist_matrix_, np.float64)), where, axis=0)
    steps = e.graph.op("Unsqueeze", near, e.graph.constant(np.array([2])))
    shortest = (ways + steps).reduce("ReduceMin", axis=1, keep=False)
    return _components(model.kernel_pca_, shortest * shortest * -0.5)


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


def erf(x: Tensor) -> Tensor:
    """The error function in double, which ONNX Runtime has in single precision only: a series, and its tail."""
    size = x.graph.op("Min", x.unary("Abs"), x.graph.constant(6.0))
    square = size * size
    term, series = size, size
    for n in range(1, 60):
        term = term * square * (2.0 / (2 * n + 1))
        series = series + term
    near = series * (-square).unary("Exp") * float(2 / np.sqrt(np.pi))
    return x.graph.op("Min", near, x.graph.constant(1.0)) * x.unary("Sign")


TRANSFORMS.update(
    {
        decomposition.KernelPCA: kernel_components,
        kernel_approximation.AdditiveChi2Sampler: additive,
        kernel_approximation.Nystroem: nystroem,
        kernel_approximation.RBFSampler: fourier,
        kernel_approximation.SkewedChi2Sampler: skewed,
        manifold.Isomap: isomap,
    }
)
PREDICTIONS.update(
    dict.fromkeys((svm.SVC, svm.NuSVC), support_classifier)
    | dict.fromkeys((svm.SVR, svm.NuSVR), support_regressor)
    | {
        covariance.EllipticEnvelope: elliptic,
        gaussian_process.GaussianProcessClassifier: process_classifier,
        gaussian_process.GaussianProcessRegressor: process_regressor,
        kernel_ridge.KernelRidge: ridge,
        svm.OneClassSVM: support_outliers,
    }
)
