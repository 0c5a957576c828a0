"""Owns the rows of the catalogue of faults, and which tests are marked with which row. Runs no test."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
MARK, SLOW = "pytest.mark.fault", "pytest.mark.slow"


@dataclass(frozen=True)
class Row:
    """One fault: what is done to the program, what it promises then, what it must never do."""

    number: int
    group: str
    fault: str
    promised: str
    never: str


@dataclass(frozen=True, order=True)
class MarkedTest:
    """A test function by its file, relative to the root, and its name, with ``Class::`` before it where it has one.

    ``slow``: all of its cases are; ``has_slow``: some are.
    """

    file: str
    name: str
    slow: bool = False
    has_slow: bool = False

    @property
    def node(self) -> str:
        """What pytest calls it, without parameters."""
        return f"{self.file}::{self.name}"


def read_catalogue() -> tuple[Mapping[str, str], Sequence[Row]]:
    """The groups by letter, and the rows in their order."""
    told = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))
    groups: dict[str, str] = told.pop("groups")
    return groups, [Row(int(number), **fields) for number, fields in told.items()]


def marked_tests(folder: Path = TESTS, root: Path = ROOT) -> dict[int, list[MarkedTest]]:
    """By row, the tests that bear its mark, read from the source: what is deselected counts too."""
    found: dict[int, list[MarkedTest]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text("utf-8")
        if MARK in source:
            for rows, test in _tests(ast.parse(source), path.relative_to(root).as_posix()):
                for row in rows:
                    found.setdefault(row, []).append(test)
    return found


def _tests(module: ast.Module, file: str) -> Iterator[tuple[set[int], MarkedTest]]:
    of_all = _module_marks(module)
    for node in module.body:
        for prefix, function in _functions(node):
            marks = [*of_all, *function.decorator_list]
            texts = [ast.unparse(mark) for mark in marks]
            slow = any(text.startswith(SLOW) for text in texts)
            has_slow = any(SLOW in text for text in texts)
            yield (
                {row for mark in marks for row in _rows(mark)},
                MarkedTest(file, prefix + function.name, slow, has_slow),
            )


def _functions(node: ast.stmt) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
        yield "", node
    elif isinstance(node, ast.ClassDef):
        for inner in node.body:
            yield from ((f"{node.name}::", function) for _, function in _functions(inner))


def _module_marks(module: ast.Module) -> list[ast.expr]:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            return list(node.value.elts) if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return []


def _rows(mark: ast.expr) -> list[int]:
    """The numbers in ``pytest.mark.fault(1, 2)``; none for any other mark."""
    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARK:
        return [ast.literal_eval(argument) for argument in mark.args]
    return []
