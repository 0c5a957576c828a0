"""Exports kernel methods in double: support vectors, ridge, components. Knows no Gaussian processes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import covariance, decomposition, kernel_ridge, manifold, preprocessing, svm

from convert.errors import Refused
from convert.exporters.dummy import constant
from convert.exporters.linear import product
from convert.exporters.neighbors import closest
from convert.exporters.parts.coupling import coupled
from convert.exporters.parts.distances import distances, squared
from convert.exporters.parts.shapes import sigmoid, total
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor

ONE_BY_ONE = 16  # columns; of more a product is taken as ONNX Runtime has it


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
        case "cosine":
            lengths = (x * x).reduce("ReduceSum").unary("Sqrt")
            sizes = np.linalg.norm(points, axis=1, keepdims=True)
            turned = points / np.where(sizes == 0, 1.0, sizes)
            return (x / lengths.equals(0.0).where(np.float64(1.0), lengths)) @ turned.T
    raise Refused(f"the kernel {kind!r} is not exported", "use linear, rbf, poly, sigmoid, laplacian or cosine")


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
        return Prediction((scores >= 0.0).cast(np.int64), scores=scores, probabilities=_platt(model, decided))
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    first = (decided > 0.0).cast(np.float64)
    for_first, for_second = (_homes(pairs, side, classes) for side in (0, 1))
    votes = first @ for_first + (1.0 - first) @ for_second
    p = _platt(model, decided)
    if model.decision_function_shape == "ovo":
        return Prediction(index=votes.argmax(), scores=decided, probabilities=p)
    ahead = decided @ (for_first - for_second)
    against = (decided < 0.0).cast(np.float64)
    whole = (1.0 - against) @ for_first + against @ for_second
    scores = whole + ahead / ((ahead.unary("Abs") + 1.0) * 3.0)
    index = scores.argmax() if model.break_ties else votes.argmax()
    return Prediction(index=index, scores=scores, probabilities=p)


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


def _platt(model: Any, decided: Tensor) -> Tensor | None:
    """[rows, classes]; libsvm couples pairs also where there is one."""
    if model.probability is not True:
        return None
    weights, biases = (np.asarray(values, np.float64).reshape(1, -1) for values in (model._probA, model._probB))
    return coupled(sigmoid(-(decided * weights + biases)), len(model.classes_))


def support_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A sum over support vectors."""
    return Prediction(value=_support_sum(model, x))


def _support_sum(model: Any, x: Columns) -> Tensor:
    dual = np.ravel(model._dual_coef_.toarray() if model._sparse else model._dual_coef_)
    if not len(dual):  # every row that it was fitted on lies within epsilon: one answer
        return constant(x, model._intercept_).reshape(-1)
    return product(_support(model, x), dual, float(model._intercept_[0]))


def support_outliers(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Inside above 0."""
    scores = _support_sum(model, x)
    return Prediction(label=(scores > 0.0).where(np.int64(1), e.graph.constant(np.int64(-1))), scores=scores)


def elliptic(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Distance from the centre by the fitted covariance.

    The offset is often the very score of rows that come again, whose label hangs on the last digit: so it is computed
    as scikit-learn's library does it, number by number, and taken from a root.
    """
    moved, precision = x.numbers() - model.location_, np.asarray(model.get_precision())
    columns = range(x.width if x.width <= ONE_BY_ONE else 0)
    if columns:
        turned = total([moved.take([at]) * precision[:, at] for at in columns])
        squares = total([(moved * turned).take([at]) for at in columns]).reshape(-1)
    else:
        squares = ((moved @ precision) * moved).reduce("ReduceSum", keep=False)
    far = squares.unary("Sqrt")
    scores = -(far * far) - float(model.offset_)
    return Prediction(label=(scores >= 0.0).where(np.int64(1), e.graph.constant(np.int64(-1))), scores=scores)


def gamma_of(model: Any, width: int) -> float:
    """The width of a kernel: fitted, given, or by the columns."""
    return float(getattr(model, "gamma_", None) or model.gamma or 1.0 / width)


def ridge(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A sum over training rows."""
    values = kernel(x.numbers(), model.X_fit_, model.kernel, gamma_of(model, x.width), model.degree, model.coef0)
    return Prediction(value=values @ np.asarray(model.dual_coef_))


def kernel_components(e: Exporter, model: Any, x: Columns) -> Columns:
    """Principal components of centred kernel values."""
    gamma = gamma_of(model, x.width)
    return _components(model, kernel(x.numbers(), model.X_fit_, model.kernel, gamma, model.degree, model.coef0))


def centred(e: Exporter, model: Any, x: Columns) -> Columns:
    """Kernel values, centred in the space of the kernel."""
    return columns(_centred(model, x.numbers()), x.width)


def _centred(model: Any, values: Tensor) -> Tensor:
    return values - values.reduce("ReduceMean") - np.asarray(model.K_fit_rows_) + float(model.K_fit_all_)


def _components(model: Any, values: Tensor) -> Columns:
    used = np.flatnonzero(model.eigenvalues_)
    scaled = np.zeros_like(model.eigenvectors_)
    scaled[:, used] = model.eigenvectors_[:, used] / np.sqrt(model.eigenvalues_[used])
    return columns(_centred(model._centerer, values) @ scaled, scaled.shape[1])


def isomap(e: Exporter, model: Any, x: Columns) -> Columns:
    """Kernel components of the shortest way through the neighbours."""
    if model.n_neighbors is None:
        raise Refused("Isomap by radius is not exported", "use n_neighbors")
    near, where = closest(model.nbrs_, x.numbers(), model.nbrs_.n_neighbors)
    ways = e.graph.op("Gather", e.graph.constant(np.asarray(model.dist_matrix_, np.float64)), where, axis=0)
    steps = e.graph.op("Unsqueeze", near, e.graph.constant(np.array([2])))
    shortest = (ways + steps).reduce("ReduceMin", axis=1, keep=False)
    return _components(model.kernel_pca_, shortest * shortest * -0.5)


TRANSFORMS.update(
    {
        decomposition.KernelPCA: kernel_components,
        manifold.Isomap: isomap,
        preprocessing.KernelCenterer: centred,
    }
)
PREDICTIONS.update(
    dict.fromkeys((svm.SVC, svm.NuSVC), support_classifier)
    | dict.fromkeys((svm.SVR, svm.NuSVR), support_regressor)
    | {covariance.EllipticEnvelope: elliptic, kernel_ridge.KernelRidge: ridge, svm.OneClassSVM: support_outliers}
)
