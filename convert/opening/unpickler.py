"""Owns the reading of pickles and joblib files, opcode by opcode. Knows no names: it asks a builder at every turn.

Python's own unpickler reads the values; every opcode that could call, make or change something is replaced here.
"""

from __future__ import annotations

import io
import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import Bunch

from convert.opening.builder import Builder
from convert.opening.inert import Inert
from convert.opening.making.arrays import array_of, checked_dtype, checked_shape
from convert.opening.refusal import called, hostile

MAPPINGS = (dict, OrderedDict, defaultdict, Bunch)
DEEPEST_NESTING = 20  # arrays of objects in a joblib file, one in another


_PythonUnpickler: Any = pickle._Unpickler


class _ArrayInFile:
    """joblib's note that the bytes of an array follow in the file."""


class Unpickler(_PythonUnpickler):  # type: ignore[misc]
    """Reads one pickle from ``stream`` through ``builder``."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(_PythonUnpickler.dispatch)

    def __init__(self, stream: io.BytesIO, builder: Builder, depth: int = 0) -> None:
        super().__init__(stream)
        self._stream, self._builder, self._depth = stream, builder, depth

    def find_class(self, module: str, name: str) -> Any:
        """Python 2's names are translated as pickle does it."""
        written = (module, name)
        self._builder.asked.add(written)
        if self.proto < 3:
            module, name = NAME_MAPPING.get(written, (IMPORT_MAPPING.get(module, module), name))
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return _ArrayInFile
        if (module, name) == ("copyreg", "_reconstructor"):
            return _reconstructor
        found = self._builder.find(module, name)
        if isinstance(found, Inert):
            self._builder.stand_ins.add(written)
        return found

    def _call(self, function: Any, arguments: Any) -> Any:
        if function is _reconstructor:
            usable = type(arguments) is tuple and len(arguments) == 3
            if not usable or arguments[1] is not object or arguments[2] is not None:
                raise hostile("an object in the file is made from another")
            return self._builder.new(arguments[0], ())
        return self._builder.call(function, arguments)

    def _new(self, kind: Any, arguments: Any, keywords: dict[str, Any] | None = None) -> Any:
        if kind is _ArrayInFile and not arguments and not keywords:
            return _ArrayInFile()
        return self._builder.new(kind, arguments, keywords)

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._call(self.stack[-1], arguments)

    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._new(self.stack[-1], arguments)

    def load_newobj_ex(self) -> None:
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        self.stack[-1] = self._new(self.stack[-1], arguments, keywords)

    def load_inst(self) -> None:
        module, name = (self.readline()[:-1].decode("ascii") for _ in range(2))
        arguments = tuple(self.pop_mark())
        self.append(self._call(self.find_class(module, name), arguments))

    def load_obj(self) -> None:
        function, *arguments = self.pop_mark()
        self.append(self._call(function, tuple(arguments)))

    def load_build(self) -> None:
        state = self.stack.pop()
        if type(self.stack[-1]) is _ArrayInFile:
            self.stack[-1] = self._read_array(state)
        else:
            self._builder.fill(self.stack[-1], state)

    def load_append(self) -> None:
        item = self.stack.pop()
        self._extend(self.stack[-1], [item])

    def load_appends(self) -> None:
        items = self.pop_mark()
        self._extend(self.stack[-1], items)

    def _extend(self, target: Any, items: list[Any]) -> None:
        if type(target) is list or self._builder.trusts(target):
            target.extend(items)
        elif not isinstance(target, Inert):
            raise hostile(f"the file appends to {called(target)}")

    def load_setitem(self) -> None:
        item = self.stack.pop()
        key = self.stack.pop()
        self._set(self.stack[-1], [key, item])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._set(self.stack[-1], items)

    def _set(self, target: Any, items: list[Any]) -> None:
        if type(target) in MAPPINGS or self._builder.trusts(target):
            for at in range(0, len(items), 2):
                target[items[at]] = items[at + 1]
        elif not isinstance(target, Inert):
            raise hostile(f"the file sets items of {called(target)}")

    def load_additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is set or self._builder.trusts(target):
            for item in items:
                target.add(item)
        elif not isinstance(target, Inert):
            raise hostile(f"the file adds to {called(target)}")

    def load_bytearray8(self) -> None:
        """Python's own makes room for as many bytes as the file says, before it reads them."""
        length = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self._take(length)))

    def load_refused(self) -> None:
        raise hostile("the file uses an opcode of pickle that no model needs")

    def _take(self, length: int) -> bytes:
        if length > len(self._stream.getbuffer()):
            raise hostile("the file is shorter than it says")
        return bytes(self.read(length)) if length else b""

    def _read_array(self, state: Any) -> Any:
        """The array whose bytes follow in the file; objects follow as a pickle of their own, held to the same rules."""
        if type(state) is not dict or state.get("subclass") is not np.ndarray:
            raise hostile("an array in the file is of a class of its own")
        frame = self._unframer.current_frame
        if frame is not None and frame.read(1):
            raise hostile("an array in the file does not begin where it should")
        dtype, shape = checked_dtype(state.get("dtype")), state.get("shape")
        if dtype.hasobject:
            if self._depth == DEEPEST_NESTING:
                raise hostile("arrays of objects stand in one another too deep")
            return Unpickler(self._stream, self._builder, self._depth + 1).load()
        if "numpy_array_alignment_bytes" in state and state["numpy_array_alignment_bytes"] is not None:
            self._stream.read(int.from_bytes(self._stream.read(1), "little"))
        items = int(np.prod(checked_shape(shape, dtype, None), dtype=object))
        raw = self._stream.read(min(items * dtype.itemsize, len(self._stream.getbuffer())))
        order = state.get("order")
        array = array_of(raw, dtype, shape, order if type(order) is str else "C")
        return array if dtype.isnative else array.astype(dtype.newbyteorder("="))

    dispatch |= {
        code[0]: load
        for load, codes in {
            load_reduce: [pickle.REDUCE],
            load_newobj: [pickle.NEWOBJ],
            load_newobj_ex: [pickle.NEWOBJ_EX],
            load_inst: [pickle.INST],
            load_obj: [pickle.OBJ],
            load_build: [pickle.BUILD],
            load_append: [pickle.APPEND],
            load_appends: [pickle.APPENDS],
            load_setitem: [pickle.SETITEM],
            load_setitems: [pickle.SETITEMS],
            load_additems: [pickle.ADDITEMS],
            load_bytearray8: [pickle.BYTEARRAY8],
            load_refused: [
                pickle.PERSID, pickle.BINPERSID, pickle.EXT1, pickle.EXT2, pickle.EXT4,
                pickle.NEXT_BUFFER, pickle.READONLY_BUFFER,
            ],
        }.items()
        for code in codes
    }  # fmt: skip


def _reconstructor() -> None:
    """Stands for ``copyreg._reconstructor``, by which old pickles make an empty instance."""
