"""Owns what a person needs to teach the converter a class of their own; `--converters FILE` runs a file that uses it.

    from convert.extend import Columns, Exporter, Prediction, columns, predicts, transforms
    from mine import Clip

    @transforms(Clip)
    def clip(e: Exporter, model: Clip, x: Columns) -> Columns:
        low, high = e.graph.constant(model.low_), e.graph.constant(model.high_)
        return columns(e.graph.op("Clip", x.numbers(), low, high), x.width)

The classes it names may then stand in a pickle. What they become is proven like everything else.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from convert.errors import Refused
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Predict, Prediction, Transform
from convert.graph.columns import Columns, columns

__all__ = ["Columns", "Exporter", "Prediction", "columns", "load", "predicts", "transforms"]


def transforms(*kinds: type) -> Callable[[Transform], Transform]:
    """The decorated function exports ``transform`` of these classes."""

    def register(function: Transform) -> Transform:
        TRANSFORMS.update(dict.fromkeys(kinds, function))
        return function

    return register


def predicts(*kinds: type) -> Callable[[Predict], Predict]:
    """The decorated function exports ``predict`` and its kin of these classes."""

    def register(function: Predict) -> Predict:
        PREDICTIONS.update(dict.fromkeys(kinds, function))
        return function

    return register


def load(path: Path) -> tuple[str, ...]:
    """Runs a file of converters, and answers the names it taught. Its folder can be imported from. Raises Refused."""
    known = {*TRANSFORMS, *PREDICTIONS}
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Refused(f"--converters {path} is not a Python file", "give a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Refused(f"--converters {path.name} does not run: {error!r}", "correct it") from error
    taught = {*TRANSFORMS, *PREDICTIONS} - known
    return tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in taught)
