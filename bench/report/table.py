"""Owns the text of a run: its templates filled in, their tables aligned. Pure: knows nothing of measuring.

A template's lines with ``¦`` are a table's rows, the first being its head; an empty line ends the table. A head that
begins with ``<`` stands over words, one with ``?`` over a column that is left out where it says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.record import targets
from bench.record.results import Results, Turn, middle

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
DASH = "-"  # for what was not measured
_BETWEEN_CELLS = "¦"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells by row, the first row being the head; the columns in ``left`` are words."""

    title: str
    rows: Sequence[Sequence[str]]
    left: frozenset[int]

    @classmethod
    def read(cls, block: str) -> Table:
        """From the lines of a template: a title of any number of lines, then the rows."""
        lines = block.splitlines()
        title = [line for line in lines if _BETWEEN_CELLS not in line]
        rows = [[cell.strip() for cell in line.split(_BETWEEN_CELLS)] for line in lines if _BETWEEN_CELLS in line]
        every_column = zip(*rows, strict=True)
        kept = [column for column in every_column if column[0][:1] != "?" or not {*column[1:]} <= {"", DASH}]
        left = frozenset(at for at, (head, *_) in enumerate(kept) if head.startswith("<"))
        head, *below = zip(*kept, strict=True)
        return cls("\n".join(title), [[cell.lstrip("<?") for cell in head], *below], left)


def render(results: Results) -> str:
    """The whole run for a terminal."""
    return text("run.txt", results=results)


def tables(results: Results) -> list[Table]:
    """All tables of a run that have something to say."""
    return [block for block in _blocks("tables.txt", results=results) if isinstance(block, Table)]


def turn_table(turns: Sequence[Turn]) -> Table:
    """Turns in the order in which they were driven; latencies in milliseconds."""
    return Table.read(_filled("turns.txt", turns=turns))


def text(template: str, **content: Any) -> str:
    """A template filled in, its tables aligned; those that have nothing below their head are left out."""
    blocks = _blocks(template, **content)
    parts = [
        f"{block.title}\n{columns(block.rows, block.left)}" if isinstance(block, Table) else block for block in blocks
    ]
    return "\n\n".join(part.strip("\n") for part in parts)


def columns(rows: Sequence[Sequence[str]], left: frozenset[int] | set[int] = frozenset({0})) -> str:
    """Rows of cells as aligned text; columns in ``left`` are aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def number(value: float | None, digits: int = 2) -> str:
    """So many digits behind the point for what is below 100."""
    return DASH if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.{digits}f}"


def shown(value: float | None, pattern: str = "{:,.0f}") -> str:
    """A figure, by default without digits behind the point; a dash for what was not measured."""
    return DASH if value is None else pattern.format(value)


def _blocks(template: str, **content: Any) -> list[Table | str]:
    blocks = [block for block in _filled(template, **content).split("\n\n") if block.strip()]
    read = [Table.read(block) if _BETWEEN_CELLS in block else block for block in blocks]
    return [block for block in read if isinstance(block, str) or len(block.rows) > 1]


def _filled(template: str, **content: Any) -> str:
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader

    made = Environment(  # noqa: S701 - for terminals
        loader=FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True, finalize=_cell
    )
    made.filters |= {"number": number, "shown": shown, "median": _median, "most": _most}
    made.globals |= {name: value for name, value in vars(targets).items() if name.isupper()}
    made.globals["bound"] = targets.bound
    return made


def _cell(value: object) -> object:
    """No text from outside makes a row or a cell of its own."""
    return " ".join(value.replace(_BETWEEN_CELLS, "|").splitlines()) if isinstance(value, str) else value


def _median(rows: Sequence[Any], figure: str) -> float | None:
    return middle(map(attrgetter(figure), rows))


def _most(rows: Sequence[Any], figure: str) -> float | None:
    return max((value for row in rows if (value := attrgetter(figure)(row)) is not None), default=None)
