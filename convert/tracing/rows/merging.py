"""Owns how a constant table stands beside rows by a key, as ``df.merge(self.stats_, on="shop", how="left")``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from convert.tracing.recorder.refusals import MIXES, only, refuse

WITH_LEFT = "how='left' with a constant table that has each key once, and columns of other names"
FRAME = pd.DataFrame  # itself: while code is recorded, pandas' name stands for something else


def merged(frame: Any, right: Any, how: str, left_on: Any, right_on: Any, **others: Any) -> Any:
    """The columns of ``right`` behind those of the rows, missing where it does not hold a row's key."""
    only(others)
    left_keys, right_keys = ([key] if isinstance(key, str) else list(key or ()) for key in (left_on, right_on))
    if type(right) is not FRAME or how != "left" or not left_keys or len(left_keys) != len(right_keys):
        raise refuse(f"DataFrame.merge or join: {MIXES}", f"{WITH_LEFT}, found in fit, is recorded")
    new = [name for name in right.columns if name not in right_keys]
    if right.duplicated(right_keys).any() or set(new) & set(frame.columns) or left_keys != right_keys:
        raise refuse("DataFrame.merge that adds rows, renames columns or has keys of two names", WITH_LEFT)
    codes, key = list(zip(*(right[name] for name in right_keys), strict=True)), frame[left_keys[0]]
    if len(left_keys) == 1:
        keys: list[Any] = [code[0] for code in codes]
    else:
        key, keys = _numbered(frame, left_keys, codes)
    whole = frame.copy()
    for name in new:
        whole[name] = key.map(dict(zip(keys, right[name], strict=True)))
    return whole


def _numbered(frame: Any, names: list[str], codes: list[tuple[Any, ...]]) -> tuple[Any, list[Any]]:
    """Several keys as one number: of each row, and of each row of the table."""
    number: Any = 0
    numbers = [0] * len(codes)
    for at, name in enumerate(names):
        places = {value: place for place, value in enumerate(dict.fromkeys(code[at] for code in codes))}
        number = frame[name].map(places) + number * len(places)
        numbers = [places[code[at]] + so_far * len(places) for code, so_far in zip(codes, numbers, strict=True)]
    return number, numbers
