"""Exports what a column passes through unchanged or by a known function. Knows nothing of fitted numbers."""

from __future__ import annotations

from typing import Any

from sklearn.preprocessing import FunctionTransformer

from convert.columns import Columns
from convert.errors import Refused
from convert.exporters.registry import TRANSFORMS, Exporter


def function(e: Exporter, transformer: Any, x: Columns) -> Columns:
    """No function is the identity; scikit-learn writes ``remainder="passthrough"`` so."""
    if transformer.func is not None:
        raise Refused(
            f"FunctionTransformer with {getattr(transformer.func, '__name__', transformer.func)!r} has no converter",
            "do that step before fitting, or use a scikit-learn transformer",
        )
    return x


TRANSFORMS.update({FunctionTransformer: function})
