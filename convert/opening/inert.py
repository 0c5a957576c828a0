"""Owns the stand-ins: objects that take the place of what a file asks for, and do nothing. Knows no names."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from convert.opening.refusal import hostile


class Inert:
    """Stands for something that no answer of a model depends on: a scorer, a random generator, a loss of training.

    It takes every argument and every state, keeps none, and cannot be called.
    """

    __slots__ = ("full",)

    def __init__(self, full: str) -> None:
        self.full = full

    def __repr__(self) -> str:
        return self.full.rpartition(".")[2]


class Absent(Inert):
    """Stands for a name that is not allowed, while the rest of the file is read to list all such names."""

    __slots__ = ()


class CurveScorer:
    """Stands for the scorer of a tuned threshold, which is asked for the positive class while predicting.

    ``_kwargs`` and ``_score_func`` are what the file says; the latter is an `Inert` with an allowlisted name.
    """

    _kwargs: Mapping[str, Any]
    _score_func: Any

    def _get_pos_label(self) -> Any:
        """The class given to the score function, or that function's default: read from its signature, not called."""
        if "pos_label" in self._kwargs:
            return self._kwargs["pos_label"]
        if not isinstance(self._score_func, Inert):
            return None
        module, _, name = self._score_func.full.rpartition(".")
        if not module.startswith("sklearn.metrics."):
            raise hostile("the scorer of a threshold in the file asks for something else than a score")
        parameter = inspect.signature(getattr(importlib.import_module(module), name)).parameters.get("pos_label")
        return None if parameter is None else parameter.default
