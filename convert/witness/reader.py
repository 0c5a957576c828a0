"""Owns the reading of a pickle in its own version, held to what `opening` made of it. Decides nothing about names.

The reader that let the file through looked at calls and states, and put stand-ins in place of what no answer depends
on. Here the same things stand in, and numpy's types and arrays are made by the same checks: what was never called there
is never called here. Plain Python 3.8: see this package.
"""

from __future__ import annotations

import functools
import importlib
import io
import math
import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from typing import Any, Collection, Dict, Tuple  # noqa: UP035  3.8 has no others

import numpy as np

from convert.opening.making import arrays, boosters, catboosts, tables, xgboosters
from convert.witness.standins import StandIn

Name = Tuple[str, str]  # noqa: UP006  module and name, as the file writes them
PythonUnpickler: Any = pickle._Unpickler


class ArrayInFile:
    """joblib's note that the bytes of an array follow in the file."""


class Maker:
    """A reconstructor as a value in the file: what it makes may be filled once by ``fill``."""

    def __init__(self, make: Any, fill: Any = None) -> None:
        self.make, self.fill = make, fill


class Reader(PythonUnpickler):  # type: ignore[misc]
    """Reads one pickle. It may use ``names``; of these the ``stand_ins`` do nothing."""

    dispatch = dict(PythonUnpickler.dispatch)  # noqa: RUF012

    def __init__(self, stream: io.BytesIO, names: Collection[Name], stand_ins: Collection[Name]) -> None:
        super().__init__(stream)
        self._stream, self._names, self._stand_ins = stream, names, stand_ins
        self._unfilled: Dict[int, Tuple[Any, Any]] = {}  # noqa: UP006  by id

    def find_class(self, module: str, name: str) -> Any:
        """What a name means. Raises UnpicklingError for one that was not told."""
        written = (module, name)
        if self.proto < 3:
            module, name = NAME_MAPPING.get(written, (IMPORT_MAPPING.get(module, module), name))
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return ArrayInFile
        if (module, name) != ("copyreg", "_reconstructor") and written not in self._names:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}")
        if written in self._stand_ins:
            return StandIn(module, name)
        maker = MAKERS.get(f"{module}.{name}")
        return maker or getattr(importlib.import_module(module), name)

    def _call(self, function: Any, arguments: Any) -> Any:
        if isinstance(function, StandIn):
            return self._stood_for(function)
        if not isinstance(function, Maker):
            return function(*arguments)
        made = function.make(arguments)
        if isinstance(made, StandIn):
            return self._stood_for(made)
        if function.fill is not None:
            self._unfilled[id(made)] = (made, function.fill)
        return made

    def _stood_for(self, stand_in: StandIn) -> Any:
        made = stand_in.made()
        if made is not stand_in:
            self._unfilled[id(made)] = (made, lambda *_: None)  # whatever state the file gives it
        return made

    def _new(self, kind: Any, arguments: Any, keywords: Any) -> None:
        if isinstance(kind, (StandIn, Maker)):
            self.append(self._call(kind, arguments))
        else:
            self.append(kind.__new__(kind, *arguments, **keywords))

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._call(self.stack[-1], arguments)

    def load_newobj(self) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        self._new(kind, arguments, {})

    def load_newobj_ex(self) -> None:
        keywords, arguments, kind = (self.stack.pop() for _ in range(3))
        self._new(kind, arguments, keywords)

    def _instantiate(self, kind: Any, arguments: Any) -> None:
        """What INST and OBJ ask for."""
        if isinstance(kind, type) and not arguments:
            self._new(kind, (), {})
        else:
            self.append(self._call(kind, tuple(arguments)))

    def load_build(self) -> None:
        target = self.stack[-2]
        if isinstance(target, StandIn):
            self.stack.pop()
        elif isinstance(target, ArrayInFile):
            state = self.stack.pop()
            self.stack[-1] = self._read_array(state)
        elif _full_name(type(target)) in BOOSTERS:
            target.__setstate__(BOOSTERS[_full_name(type(target))](self.stack.pop()))
        elif id(target) in self._unfilled:
            _, fill = self._unfilled.pop(id(target))
            fill(target, self.stack.pop())
        else:
            super().load_build()

    def load_append(self) -> None:
        if isinstance(self.stack[-2], StandIn):
            self.stack.pop()
        else:
            super().load_append()

    def load_setitem(self) -> None:
        if isinstance(self.stack[-3], StandIn):
            del self.stack[-2:]
        else:
            super().load_setitem()

    def _load_marked(self, load: Any) -> None:
        if isinstance(self.metastack[-1][-1], StandIn):
            self.pop_mark()
        else:
            load(self)

    def _read_array(self, state: Any) -> Any:
        """As our own reader reads it; the items of an array of objects are a pickle of their own."""
        frame = self._unframer.current_frame
        if frame is not None and frame.read(1):
            raise pickle.UnpicklingError("an array does not begin where it should")
        dtype, shape = arrays.checked_dtype(state["dtype"]), state["shape"]
        if dtype.hasobject:
            return Reader(self._stream, self._names, self._stand_ins).load()
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.read(int.from_bytes(self._stream.read(1), "little"))
        size = math.prod(arrays.checked_shape(shape, dtype, None)) * dtype.itemsize
        array = arrays.array_of(self._stream.read(size), dtype, shape, state.get("order", "C"))
        return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


Reader.dispatch.update(
    {
        pickle.REDUCE[0]: Reader.load_reduce,
        pickle.NEWOBJ[0]: Reader.load_newobj,
        pickle.NEWOBJ_EX[0]: Reader.load_newobj_ex,
        pickle.BUILD[0]: Reader.load_build,
        pickle.APPEND[0]: Reader.load_append,
        pickle.SETITEM[0]: Reader.load_setitem,
        **{
            code[0]: functools.partial(Reader._load_marked, load=PythonUnpickler.dispatch[code[0]])
            for code in (pickle.APPENDS, pickle.SETITEMS, pickle.ADDITEMS)
        },
    }
)


def _full_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


# Other releases than ours may read of a state what ours leaves out: each gets what was checked, and nothing else.
BOOSTERS: Dict[str, Any] = {  # noqa: UP006
    "catboost.core.CatBoostClassifier": catboosts.catboost_state,
    "catboost.core.CatBoostRegressor": catboosts.catboost_state,
    "lightgbm.basic.Booster": boosters.lightgbm_state,
    "xgboost.core.Booster": xgboosters.xgboost_state,
}


def _reconstruct(arguments: Any) -> Any:
    """What ``copyreg._reconstructor`` makes: an empty instance."""
    kind = arguments[0]
    return kind if isinstance(kind, StandIn) else object.__new__(kind)


def _attribute(arguments: Any) -> Any:
    """A method of a stand-in does nothing either; of anything else there is none."""
    if not isinstance(arguments[0], StandIn):
        raise pickle.UnpicklingError("the file asks for builtins.getattr")
    return arguments[0]


def _partial(arguments: Any) -> Any:
    return arguments[0] if isinstance(arguments[0], StandIn) else functools.partial(arguments[0])


def _fill_partial(made: Any, state: Any) -> None:
    """With keywords of its own, as the file may still put other things into these."""
    kept = {key: list(given) if type(given) is list else given for key, given in (state[2] or {}).items()}
    made.__setstate__((made.func, (), kept, None))


def _distance(arguments: Any) -> Any:
    kind = arguments[0].real()
    return kind.__new__(kind)


def _fill_search(tree: Any, state: Any) -> None:
    """Built again from its points; nothing else of the stored one is read."""
    points = np.array(state[0])
    tree.__init__(points, leaf_size=state[4], metric=state[11], sample_weight=state[12])


MAKERS: Dict[str, Maker] = {  # noqa: UP006
    "builtins.getattr": Maker(_attribute),
    "copyreg._reconstructor": Maker(_reconstruct),
    "functools.partial": Maker(_partial, _fill_partial),
    "numpy.dtype": Maker(arrays.make_dtype, arrays.fill_dtype),
    **{
        f"numpy.{core}.{name}": maker
        for core in ("core", "_core")
        for name, maker in {
            "multiarray._reconstruct": Maker(arrays.make_empty, arrays.fill_array),
            "multiarray.scalar": Maker(arrays.make_scalar),
            "numeric._frombuffer": Maker(arrays.make_from_buffer),
        }.items()
    },
    "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked": Maker(tables.make_strings, tables.fill_strings),
    "pandas.core.indexes.base._new_Index": Maker(tables.make_index),
    "sklearn.metrics._dist_metrics.newObj": Maker(_distance),
    "sklearn.neighbors._ball_tree.newObj": Maker(_distance, _fill_search),
    "sklearn.neighbors._kd_tree.newObj": Maker(_distance, _fill_search),
}
