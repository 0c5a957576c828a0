"""Owns link functions between a target and the scale its model adds up in. Knows nothing of the models."""

from __future__ import annotations

from typing import Any

from sklearn._loss import link as links

from convert.errors import Refused
from convert.graph.graph import Tensor


def link(loss: Any, p: Tensor) -> Tensor:
    """From the scale of the target to the scale of the trees."""
    match loss.link:
        case links.IdentityLink():
            return p
        case links.LogitLink():
            return (p / (1.0 - p)).unary("Log")
        case links.HalfLogitLink():
            return (p / (1.0 - p)).unary("Log") * 0.5
        case links.MultinomialLogit():
            logs = p.unary("Log")
            return logs - logs.reduce("ReduceMean")
    raise Refused(f"the link {type(loss.link).__name__} is not exported", "fit with another loss")


def inverse_link(loss: Any, raw: Tensor) -> Tensor:
    """From the scale of the trees to the scale of the target."""
    match loss.link:
        case links.IdentityLink():
            return raw
        case links.LogLink():
            return raw.unary("Exp")
        case links.LogitLink():
            return raw.unary("Sigmoid")
        case links.HalfLogitLink():
            return (raw * 2.0).unary("Sigmoid")
        case links.MultinomialLogit():
            return raw.unary("Softmax", axis=1)
    raise Refused(f"the link {type(loss.link).__name__} is not exported", "fit with another loss")
