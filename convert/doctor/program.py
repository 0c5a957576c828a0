"""Owns the reading of a pickle as a text: its opcodes build notes of objects, and nothing is imported or called.

Bounded by a count of opcodes. Knows nothing of what names mean, nor of what becomes of the notes.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

from convert.doctor.notes import ARRAY_IN_FILE, Made, Name, Program

MOST_OPCODES = 1_500_000  # some two seconds
MARK = object()
BLOBS = (bytes, bytearray)


def read_program(data: bytes) -> Program:
    """Reads the whole, or as much as is whole and within the bounds. Raises nothing for any bytes."""
    program = Program()
    machine = _Machine(BytesIO(data), program)
    try:
        program.content = machine.run()
    except Exception as error:  # noqa: BLE001  a hostile file may break any opcode; what was read before stands
        program.why_stopped = program.why_stopped or f"it breaks off ({type(error).__name__})"
    return program


class _Machine:
    def __init__(self, stream: BytesIO, program: Program) -> None:
        self._stream, self._program = stream, program
        self._stack: list[Any] = []
        self._memo: dict[Any, Any] = {}
        self._count = 0

    def run(self) -> Any:
        for opcode, argument, _ in pickletools.genops(self._stream):
            self._count += 1
            if self._count > MOST_OPCODES:
                self._program.why_stopped = f"only its first {MOST_OPCODES:,} steps were read"
                return self._stack[0] if self._stack and self._stack[0] is not MARK else None
            if opcode.name == "STOP":
                return self._stack.pop()
            self._step(opcode.name, argument)
        return None

    def _step(self, name: str, argument: Any) -> None:
        if name in STEPS:
            STEPS[name](self, argument)
        elif name in PUSHED:
            self._stack.append(PUSHED[name])
        elif name not in ("FRAME", "READONLY_BUFFER"):
            self._stack.append(None if isinstance(argument, BLOBS) else argument)

    def _since_mark(self) -> list[Any]:
        at = len(self._stack) - 1
        while self._stack[at] is not MARK:
            at -= 1
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _take(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise IndexError
        items = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return items

    def proto(self, argument: Any) -> None:
        self._program.protocol = int(argument)

    def put(self, argument: Any) -> None:
        self._memo[argument] = self._stack[-1]

    def memoize(self, argument: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, argument: Any) -> None:
        self._stack.append(self._memo[argument])

    def name(self, argument: Any) -> None:
        parts = self._take(2) if argument is None else argument.split(" ", 1)
        full = ".".join(part if isinstance(part, str) else "?" for part in parts)
        self._program.names.setdefault(full)
        self._stack.append(Name(full))

    def reduce(self, argument: Any) -> None:
        called, arguments = self._take(2)
        self._stack.append(Made(_called(called, arguments), arguments))

    def reduce_with_names(self, argument: Any) -> None:
        called, arguments, _ = self._take(3)
        self._stack.append(Made(_called(called, arguments), arguments))

    def instance(self, argument: Any) -> None:
        items = self._since_mark()
        if argument is None:  # OBJ: the class stands on the stack
            self._stack.append(Made(_called(items[0], ()), tuple(items[1:])))
        else:
            self.name(argument)
            self._stack.append(Made(self._stack.pop().full, tuple(items)))

    def build(self, argument: Any) -> None:
        state = self._stack.pop()
        made = self._stack[-1]
        if isinstance(made, Made):
            made.state = state if made.state is None else made.state
            if made.of == ARRAY_IN_FILE:
                self._skip_array(dict(_pairs(state)))

    def _skip_array(self, state: dict[Any, Any]) -> None:
        """joblib writes an array's bytes into the midst of the program."""
        dtype = state["dtype"]
        code = dtype.arguments[0]
        if code in ("O8", "O4", "O"):
            self._stack[-1].state = _Machine(self._stream, self._program).run()  # a program of its own
            return
        size = int(code[1:]) if code[1:].isdecimal() else 0
        for extent in state["shape"]:
            size *= int(extent)
        if state.get("numpy_array_alignment_bytes"):
            size += struct.unpack("B", self._stream.read(1))[0]
        self._stream.seek(max(size, 0), 1)

    def append(self, argument: Any) -> None:
        self._add([self._stack.pop()])

    def appends(self, argument: Any) -> None:
        self._add(self._since_mark())

    def _add(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)

    def item(self, argument: Any) -> None:
        self._set(self._take(2))

    def items(self, argument: Any) -> None:
        self._set(self._since_mark())

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Made):
            target.state = target.state if isinstance(target.state, dict) else {}
            target = target.state
        for key, value in zip(items[::2], items[1::2], strict=False):
            if isinstance(target, dict) and isinstance(key, str | int | float):
                target[key] = value
                if key == "_sklearn_version" and isinstance(value, str):
                    self._program.strings.add(value)

    def tuple_of(self, argument: Any) -> None:
        self._stack.append(tuple(self._since_mark()))

    def list_of(self, argument: Any) -> None:
        self._stack.append(self._since_mark())

    def dict_of(self, argument: Any) -> None:
        items = self._since_mark()
        self._stack.append({})
        self._set(items)

    def frozen(self, argument: Any) -> None:
        self._stack.append(self._since_mark())

    def pop(self, argument: Any) -> None:
        self._stack.pop()

    def pop_mark(self, argument: Any) -> None:
        self._since_mark()

    def dup(self, argument: Any) -> None:
        self._stack.append(self._stack[-1])

    def few(self, count: int) -> None:
        self._stack.append(tuple(self._take(count)))

    def fresh(self, kind: type) -> None:
        self._stack.append(kind())

    def persistent(self, argument: Any) -> None:
        self._stack[-1:] = [None]


def _called(called: Any, arguments: Any) -> str:
    """The class that is made: of a reconstructor that is given the class, that one."""
    full = called.full if isinstance(called, Name) else "?"
    first = arguments[0] if isinstance(arguments, tuple) and arguments else None
    if full.rpartition(".")[2] in ("_reconstructor", "__newobj__", "__newobj_ex__") and isinstance(first, Name):
        return first.full
    return full


def _pairs(state: Any) -> Any:
    return state.items() if isinstance(state, dict) else ()


PUSHED: dict[str, Any] = {
    "MARK": MARK, "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "NEXT_BUFFER": None,
}  # fmt: skip
STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.proto,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    "MEMOIZE": _Machine.memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _Machine.reduce),
    "NEWOBJ_EX": _Machine.reduce_with_names,
    **dict.fromkeys(("INST", "OBJ"), _Machine.instance),
    "BUILD": _Machine.build,
    "APPEND": _Machine.append,
    **dict.fromkeys(("APPENDS", "ADDITEMS"), _Machine.appends),
    "SETITEM": _Machine.item,
    "SETITEMS": _Machine.items,
    "TUPLE": _Machine.tuple_of,
    "LIST": _Machine.list_of,
    "DICT": _Machine.dict_of,
    "FROZENSET": _Machine.frozen,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.dup,
    "TUPLE1": lambda machine, _: machine.few(1),
    "TUPLE2": lambda machine, _: machine.few(2),
    "TUPLE3": lambda machine, _: machine.few(3),
    "EMPTY_LIST": lambda machine, _: machine.fresh(list),
    "EMPTY_SET": lambda machine, _: machine.fresh(list),
    "EMPTY_DICT": lambda machine, _: machine.fresh(dict),
    "EMPTY_TUPLE": lambda machine, _: machine.fresh(tuple),
    "BINPERSID": _Machine.persistent,
}
