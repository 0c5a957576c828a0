"""Owns what scripts and notebooks define, read without a run of them. Knows no pickles and no modules.

Of a file's top level only imports, definitions and plain assignments are kept. A file is read once, and no more of it
than a script or notebook has.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from convert.errors import Refused

NOTEBOOK = ".ipynb"
MOST_BYTES = 64 << 20  # of a file: a notebook holds its pictures
MOST_MARKS = 1 << 22  # of JSON in a notebook: a list of nothing takes one byte of text and 64 of memory
MOST_CODE = 2 << 20  # characters of code in a file: its syntax tree takes a hundred times that
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Try)
WORKING = ("fit", "read_", "load", "fetch_", "open", "dump", "train_test_split", "cross_val")  # calls that are no data
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # deep nesting is one of the last two


class Script:
    """One script or notebook ``file``. Raises Refused, which names it, where it is none."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._text = _read(file)

    def defines(self, name: str) -> bool:
        """Whether it defines this name at its top level."""
        return (not name.isascii() or name.encode() in self._text) and name in self._names

    @cached_property
    def module(self) -> ModuleType:
        """What it defines, as it stands there; what only a run of it could make is left out."""
        module = ModuleType("__main__")
        module.__file__ = str(self.file)
        for title, source, nodes in self._pieces:
            linecache.cache[title] = (len(source), None, source.splitlines(keepends=True), title)
            for node in nodes:
                if isinstance(node, ast.Assign | ast.AnnAssign) and _works(node):
                    continue
                with suppress(Exception, SystemExit):  # a name that needs it says so when it is used
                    code = compile(ast.Module([node], []), title, "exec")
                    exec(code, vars(module))  # noqa: S102  a person trusts it: --trust-code
        return module

    @cached_property
    def _names(self) -> frozenset[str]:
        names: set[str] = set()
        for node in (node for _, _, nodes in self._pieces for node in nodes):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):
                names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        return frozenset(names)

    @cached_property
    def _pieces(self) -> list[tuple[str, str, list[ast.stmt]]]:
        """The pieces of Python in it, each with the name that errors give it, and its statements that define."""
        cells = list(self._cells())
        if sum(len(source) for _, source in cells) > MOST_CODE:
            raise _no_script(self.file, f"holds more than {MOST_CODE:,} characters of code")
        pieces: list[tuple[str, str, list[ast.stmt]]] = []
        for title, source in cells:
            with suppress(*UNREADABLE):  # a cell that does not run now did not define anything
                pieces.append((title, source, [n for n in ast.parse(source).body if isinstance(n, DEFINITIONS)]))
        return pieces

    def _cells(self) -> Iterator[tuple[str, str]]:
        try:
            if self.file.suffix != NOTEBOOK:
                yield self.file.name, self._text.decode("utf-8-sig")
                return
            cells = _parsed(self._text)["cells"]
            coded = [_source(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise _no_script(self.file, f"cannot be read ({type(error).__name__}: {str(error)[:80]})") from error
        for number, source in enumerate(coded, 1):
            lines = ("" if line.lstrip()[:1] in ("%", "!") else line for line in source.splitlines())
            yield f"{self.file.name}, cell {number}", "\n".join(lines)


def _no_script(file: Path, why: str) -> Refused:
    return Refused(
        f"{file} is no script or notebook: it {why}", "--path names the file that defines what the model has"
    )


def _read(file: Path) -> bytes:
    """All of a regular file; anything else might have no end, or never begin."""
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as stream:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise _no_script(file, "is no plain file")
            text = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise _no_script(file, f"cannot be read ({error.strerror})") from error
    if len(text) > MOST_BYTES:
        raise _no_script(file, f"is larger than {MOST_BYTES >> 20} MB")
    return text


def _parsed(text: bytes) -> Any:
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST_MARKS:
        raise ValueError("more values than a notebook has")
    return json.loads(text)


def _source(lines: Any) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def _works(node: ast.AST) -> bool:
    """Whether an assignment calls something that reads data or fits a model."""
    called = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    names = [func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in called]
    return any(name.startswith(WORKING) for name in names)
