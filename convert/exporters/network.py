"""Exports multi-layer perceptrons: products and activations, in double."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neural_network

from convert.exporters.linear import product
from convert.exporters.parts.shapes import pair, sigmoid
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor

ACTIVATIONS = {
    "identity": lambda x: x,
    "logistic": lambda x: x.unary("Sigmoid"),
    "relu": lambda x: x.unary("Relu"),
    "tanh": lambda x: x.unary("Tanh"),
    "softmax": lambda x: x.unary("Softmax", axis=1),
    "exp": lambda x: x.unary("Exp"),
}


def _forward(model: Any, x: Tensor) -> Tensor:
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for weights, bias in layers[:-1]:
        x = ACTIVATIONS[model.activation](product(x, weights, bias))
    last = product(x, *layers[-1])
    return sigmoid(last) if model.out_activation_ == "logistic" else ACTIVATIONS[model.out_activation_](last)


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Softmax over classes, or one sigmoid per label of a set."""
    p = _forward(model, x.numbers())
    if model.out_activation_ == "softmax":
        return Prediction(index=p.argmax(), probabilities=p)
    if model._label_binarizer.y_type_.startswith("multilabel"):
        each = [p.column(i) for i in range(model.n_outputs_)]
        return Prediction(
            targets=tuple(Prediction((second > 0.5).cast(np.int64), probabilities=pair(second)) for second in each)
        )
    second = p.reshape(-1)
    return Prediction(index=(second > 0.5).cast(np.int64), probabilities=pair(second))


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One value per output."""
    values = _forward(model, x.numbers())
    return Prediction(value=values.reshape(-1) if model.n_outputs_ == 1 else values)


def restricted_boltzmann(e: Exporter, model: Any, x: Columns) -> Columns:
    """The probability that each hidden unit is on."""
    hidden = product(x.numbers(), model.components_.T, model.intercept_hidden_).unary("Sigmoid")
    return columns(hidden, len(model.components_))


TRANSFORMS.update({neural_network.BernoulliRBM: restricted_boltzmann})
PREDICTIONS.update({neural_network.MLPClassifier: classifier, neural_network.MLPRegressor: regressor})
