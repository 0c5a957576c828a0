"""Owns what is left out of a person's functions while they are recorded: statements that only say or check something.

``print(X.shape)``, ``logger.info(...)``, ``warnings.warn(...)`` and ``assert ...`` change no answer. An instruction of
such a statement becomes none; its lines and jumps stay where they are. The original runs them as ever.
"""

from __future__ import annotations

import dis
import functools
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType

JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
UNIT = 2  # bytes of an instruction
ASSERTING = frozenset(
    dis.opmap[name] for name in ("LOAD_ASSERTION_ERROR", "LOAD_COMMON_CONSTANT") if name in dis.opmap
)  # the latter from Python 3.14 on
SAYING = frozenset(("print", "display", "pprint"))
LOGGING = frozenset(("critical", "debug", "error", "exception", "info", "log", "warn", "warning"))
LOGGER = re.compile(r"(?i)_*(self|cls|warnings|.*log.*)")  # by what names a logger is reached
CHANGING = ("STORE_", "DELETE_", "YIELD", "RETURN_GENERATOR", "SEND")
Instructions = list[dis.Instruction]
Span = tuple[int, int]  # the first instruction, and the one behind the last
Place = tuple[int, int, int, int]  # first line, column, last line, column


@contextmanager
def silenced(functions: Iterable[FunctionType]) -> Iterator[None]:
    """Within the block these functions say and check nothing."""
    before = [(function, function.__code__) for function in dict.fromkeys(functions)]
    speaking = [(function, code) for function, code in before if without_words(code) is not code]
    try:
        for function, code in speaking:
            function.__code__ = without_words(code)
        yield
    finally:
        for function, code in speaking:
            function.__code__ = code


@functools.cache
def without_words(code: CodeType) -> CodeType:
    """The code without its statements that only say or check something."""
    if not _may_speak(code):
        return code
    made = list(dis.get_instructions(code))
    gone = [span for span in (*_spoken(made), *_asserted(made)) if _is_whole(made, span)]
    inner = tuple(without_words(value) if isinstance(value, CodeType) else value for value in code.co_consts)
    if not gone and all(new is old for new, old in zip(inner, code.co_consts, strict=True)):
        return code
    units = bytearray(code.co_code)
    for first, behind in gone:
        start, stop = made[first].offset, made[behind].offset
        units[start:stop] = bytes((dis.opmap["NOP"], 0)) * ((stop - start) // UNIT)
    return code.replace(co_code=bytes(units), co_consts=inner)


def _may_speak(code: CodeType) -> bool:
    """Whether it has a name or an instruction of such a statement: nearly none has one, and looking closer is slow."""
    inner = (value for value in code.co_consts if isinstance(value, CodeType))
    named = not (SAYING | LOGGING).isdisjoint((*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars))
    return named or not ASSERTING.isdisjoint(code.co_code[::UNIT]) or any(map(_may_speak, inner))


def _spoken(made: Instructions) -> Iterator[Span]:
    """Calls whose answer nobody takes, of functions that only say something."""
    for at, instruction in enumerate(made[:-1]):
        if instruction.opname.startswith("CALL") and made[at + 1].opname == "POP_TOP":
            first = _begin(made, at)
            if first is not None and _says(made[first:at]):
                yield first, at + 2


def _asserted(made: Instructions) -> Iterator[Span]:
    """Asserts: what they ask, what they raise."""
    for at, instruction in enumerate(made):
        if instruction.opname == "LOAD_ASSERTION_ERROR" or instruction.argval is AssertionError:
            first = _begin(made, at)
            last = next((n for n in range(at, len(made)) if made[n].opname == "RAISE_VARARGS"), None)
            if first is not None and last is not None:
                yield first, last + 1


def _begin(made: Instructions, at: int) -> int | None:
    """Where what stands in the text of this instruction begins, itself its last one."""
    place = _place(made[at])
    first = at
    while place is not None and first and _is_in(made[first - 1], place):
        first -= 1
    return None if place is None else first


def _is_whole(made: Instructions, span: Span) -> bool:
    """Whether nothing of a stretch is seen behind it: it is entered at its begin, and leaves the stack as it was."""
    first, behind = span
    within = range(first, behind)
    if behind >= len(made) or any(made[at].opname.startswith(CHANGING) for at in within):
        return False
    places = {instruction.offset: at for at, instruction in enumerate(made)}
    jumps = {at: places[told.argval] for at, told in enumerate(made) if told.opcode in JUMPS}
    if any(at not in within and first < goal < behind for at, goal in jumps.items()):
        return False
    depths: dict[int, int] = {}
    waiting = [(first, 0)]
    while waiting:
        at, depth = waiting.pop()
        if depths.setdefault(at, depth) != depth or depth < 0 or not (at in within or at == behind):
            return False
        if at == behind or made[at].opname == "RAISE_VARARGS":
            continue
        told = made[at]
        waiting.append((at + 1, depth + dis.stack_effect(told.opcode, told.arg, jump=False)))
        if at in jumps:
            waiting.append((jumps[at], depth + dis.stack_effect(told.opcode, told.arg, jump=True)))
        waiting = [item for item in waiting if depths.get(item[0]) != item[1]]
    return depths.get(behind) == 0


def _says(call: Instructions) -> bool:
    """Whether the function that is called first is one that only says something."""
    names: list[str] = []
    for instruction in call:
        if instruction.opname in ("PUSH_NULL", "CACHE"):
            continue
        if not instruction.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF", "LOAD_ATTR")):
            break
        if names and not instruction.opname.startswith("LOAD_ATTR"):
            break
        names.append(str(instruction.argval))
    if len(names) == 1:
        return names[0] in SAYING
    return len(names) > 1 and names[-1] in LOGGING and all(map(LOGGER.fullmatch, names[:-1]))


def _place(instruction: dis.Instruction) -> Place | None:
    told = instruction.positions
    if told is None or None in (told.lineno, told.col_offset, told.end_lineno, told.end_col_offset):
        return None
    return told.lineno, told.col_offset, told.end_lineno, told.end_col_offset  # type: ignore[return-value]


def _is_in(instruction: dis.Instruction, place: Place) -> bool:
    own = _place(instruction)
    return own is not None and place[:2] <= own[:2] and own[2:] <= place[2:]
