"""Owns ``.loc`` and ``.iloc`` of the stand-in of a DataFrame: whole columns, and setting where a condition holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convert.tracing.recorder.refusals import VECTORISED, refuse
from convert.tracing.rows.picked import Picked
from convert.tracing.standins.standin import StandIn

if TYPE_CHECKING:
    from convert.tracing.standins.frames import Frame

SOME_ROWS = "it takes some of the rows"
EVERY_ROW = "a transformer answers every row: df.loc[:, columns] takes columns, np.where chooses values"


class Located:
    """``frame.loc``."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        rows, wanted = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        if isinstance(rows, StandIn) and isinstance(key, tuple) and not isinstance(wanted, slice):
            return Picked(self._frame[wanted], rows)
        if not _all(rows):
            raise refuse(SOME_ROWS, EVERY_ROW)
        if isinstance(wanted, slice):
            return self._frame[list(self._frame.concrete.loc[:, wanted].columns)]
        return self._frame[wanted]

    def __setitem__(self, key: Any, value: Any) -> None:
        rows, wanted = key if isinstance(key, tuple) and len(key) == 2 else (key, list(self._frame.concrete.columns))
        if isinstance(wanted, slice):
            wanted = list(self._frame.concrete.loc[:, wanted].columns)
        if _all(rows):
            self._frame[wanted] = value
            return
        if not isinstance(rows, StandIn):
            raise refuse("it sets single rows", VECTORISED)
        value = value.put_back(rows) if type(value) is Picked else value
        for at, name in enumerate(wanted if isinstance(wanted, list) else [wanted]):
            self._frame.set_where(name, rows, value[at] if isinstance(value, list | tuple) else value)


class Positioned:
    """``frame.iloc``."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        if not (isinstance(key, tuple) and len(key) == 2 and _all(key[0])):
            raise refuse(SOME_ROWS, EVERY_ROW.replace("df.loc[:, columns]", "df.iloc[:, positions]"))
        places = np.arange(self._frame.concrete.shape[1])[key[1]]
        return self._frame.single(int(places)) if np.ndim(places) == 0 else self._frame.at(places.tolist())

    def __setitem__(self, key: Any, value: Any) -> None:
        if not (isinstance(key, tuple) and len(key) == 2 and _all(key[0])):
            raise refuse("it sets single rows", VECTORISED)
        names = self._frame.concrete.columns[key[1]]
        self._frame[names if np.ndim(key[1]) == 0 and not isinstance(key[1], slice) else list(names)] = value


def _all(key: Any) -> bool:
    return isinstance(key, slice) and key == slice(None)
