"""Owns as what tensors of a graph hold the columns of numpy and pandas: their dtypes, categories by their codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import elements, nodes
from convert.tracing.recorder.refusals import RECORDED, refuse


def column(tensor: Tensor) -> Columns:
    """A tensor ``[rows, 1]`` as columns."""
    return columns(tensor, 1)


def storage(dtype: Any) -> np.dtype[Any]:
    """The dtype of a tensor that holds a column of numpy or pandas; categories are held by their codes."""
    if isinstance(dtype, pd.CategoricalDtype):
        return np.dtype(np.int64)
    if isinstance(dtype, pd.StringDtype) or dtype.kind in "OUT":
        return np.dtype(object)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype != np.float16:  # which rounds after each step
        return dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return np.dtype(np.float64)  # seconds
    raise refuse(f"a column of {dtype} is not recorded", "make numbers or texts of it: astype(float), astype(str)")


def as_dtype(tensor: Tensor, dtype: Any) -> Tensor:
    """A tensor of texts or numbers as a column of this dtype is held."""
    if isinstance(dtype, pd.CategoricalDtype):
        return coded(tensor, list(dtype.categories))
    wanted = storage(dtype)
    if elements.is_text(tensor) != (wanted.kind == "O"):
        if wanted.kind == "O":  # numbers in a column of objects
            return tensor
        raise refuse("a column of texts holds numbers in the model's own steps", RECORDED)
    return tensor.cast(wanted)


def as_wide(tensor: Tensor, wanted: np.dtype[Any]) -> Tensor:
    """A tensor in the dtype of its sample rows, or in its own where that holds more: NaN beside whole numbers."""
    if elements.is_text(tensor) or wanted.kind == "O" or np.can_cast(wanted, tensor.dtype, "safe"):
        return tensor
    return tensor.cast(np.promote_types(tensor.dtype, wanted))


def coded(x: Tensor, categories: Sequence[Any]) -> Tensor:
    """Values as their positions among categories, -1 where they are not among them."""
    if elements.is_text(x):
        return x.coded({str(value): code for code, value in enumerate(categories)}, -1)
    codes = elements.constant_like(x, np.int64(-1))
    for code, value in enumerate(categories):
        codes = nodes.holds_any(x, [value]).where(np.int64(code), codes)
    return codes


def dtype_of(concrete: Any, position: int) -> Any:
    return concrete.dtypes.iloc[position] if isinstance(concrete, pd.DataFrame) else concrete.dtype
