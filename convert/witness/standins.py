"""Owns what stands, in a witness, for a name that no answer depends on. Knows no opcodes. Plain Python 3.8."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

LINKS = "sklearn.linear_model._glm.link"  # 1.0 predicts with them; they hold nothing
SCORES = "sklearn.metrics."  # of these a threshold asks which class they take for the positive one


class StandIn:
    """It takes every argument and every state, keeps none, and is not called while a model answers."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def real(self) -> Any:
        """What it stands for."""
        return getattr(importlib.import_module(self.module), self.name)

    def made(self) -> Any:
        """What a call of it in the file answers."""
        return self.real()() if self.module == LINKS else self

    @property
    def __signature__(self) -> inspect.Signature:
        if not self.module.startswith(SCORES):
            raise AttributeError("__signature__")
        return inspect.signature(self.real())

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        raise TypeError(f"{self.name} is not called while a model answers")
