"""Exports approximations of kernels: columns whose products are about a kernel's values. Knows no kernel methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn import kernel_approximation

from convert.errors import Refused
from convert.exporters.kernels import gamma_of, kernel
from convert.exporters.linear import product
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor


def nystroem(e: Exporter, model: Any, x: Columns) -> Columns:
    """Kernel values against some training rows, whitened."""
    degree = 3 if model.degree is None else model.degree
    coef0 = 1.0 if model.coef0 is None else model.coef0
    kept = model.components_.toarray() if sparse.issparse(model.components_) else model.components_  # training rows
    values = kernel(x.numbers(), kept, model.kernel, gamma_of(model, x.width), degree, coef0)
    return columns(values @ model.normalization_.T, len(kept))


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


def polynomial_sketch(e: Exporter, model: Any, x: Columns) -> Columns:
    """Count sketches of the columns, one for each degree, convolved: their spectra multiplied."""
    count, matrix = model.n_components, x.numbers() * float(np.sqrt(model.gamma))
    if len(e.path) == 1 and len(_reached(model)) < count:
        raise Refused(
            f"{count - len(_reached(model))} of its {count} columns are always zero, where scikit-learn gives noise",
            "pickle the pipeline with the model behind it, or fit with fewer n_components",
        )
    if model.coef0 != 0:
        matrix = e.graph.concat([matrix, e.graph.zeros(matrix) + float(np.sqrt(model.coef0))])
    at = np.outer(np.arange(count), np.arange(count)) % count * (2 * np.pi / count)
    whole: tuple[Tensor, Tensor] | None = None
    for columns_of, signs in zip(model.indexHash_, model.bitHash_, strict=True):
        sketch = np.zeros((len(signs), count))
        sketch[np.arange(len(signs)), columns_of] = signs
        spectrum = matrix @ (sketch @ np.cos(at)), matrix @ (sketch @ -np.sin(at))
        whole = spectrum if whole is None else _multiplied(whole, spectrum)
    assert whole is not None  # noqa: S101  there is at least one degree: this tells mypy
    return columns((whole[0] @ np.cos(at) - whole[1] @ np.sin(at)) / float(count), count)


def _reached(model: Any) -> set[int]:
    """The columns that some product of columns falls into."""
    reached = {0}
    for places in model.indexHash_.tolist():
        reached = {(one + other) % model.n_components for one in reached for other in set(places)}
    return reached


def _multiplied(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Complex numbers as two tensors."""
    return one[0] * other[0] - one[1] * other[1], one[0] * other[1] + one[1] * other[0]


TRANSFORMS.update(
    {
        kernel_approximation.AdditiveChi2Sampler: additive,
        kernel_approximation.Nystroem: nystroem,
        kernel_approximation.PolynomialCountSketch: polynomial_sketch,
        kernel_approximation.RBFSampler: fourier,
        kernel_approximation.SkewedChi2Sampler: skewed,
    }
)
