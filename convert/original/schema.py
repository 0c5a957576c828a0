"""Owns the schema: what one row of the model looks like, confirmed by asking the model. Knows nothing of ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convert.original.hints.column_hints import ColumnHint
from convert.original.original import ANYTHING, Original
from convert.original.table import Table
from convert.original.usual import UNSEEN_TEXT, is_missing, usual_row
from server.artefact.known import within_bounds
from server.artefact.metadata import SINCE_1970, Dtype, Feature, Scalar

MATRIX = "X"
DAY = 86_400.0  # seconds
MOST_SAMPLES = 8  # texts of a column that are tried where an unknown one is refused
MOST_TRIED = 300  # columns of which each is asked about by itself


def describe(original: Original) -> tuple[Feature, ...]:
    """One feature per column. Whether a value may be missing or unknown is tried on the original, not guessed."""
    hints = original.hints
    _find_domain(original, hints)
    usual = usual_row(original.names, hints)
    nullable = _accepting(original, usual, [_missing(hint) for hint in hints])
    free = _accepting(original, usual, [_unseen(hint) for hint in hints])
    free = [taken or _takes_samples(original, usual, i) for i, taken in enumerate(free)]
    dtypes = [_dtype(hint) for hint in hints]
    single = len(set(dtypes)) == 1 and dtypes[0] == "float64"
    return within_bounds(
        Feature(
            name=name,
            dtype=dtype,
            input=MATRIX if single else name,
            nullable=nullable[i],
            categories=_categories(hint) if hint.known and (hint.closed or not free[i]) else None,
            unit=SINCE_1970 if hint.dates else None,
            known=_categories(hint) if free[i] and _is_told_apart(hint) else (),
        )
        for i, (name, hint, dtype) in enumerate(zip(original.names, hints, dtypes, strict=True))
    )


def _takes_samples(original: Original, usual: Table, at: int) -> bool:
    """Whether a column of texts takes others than the known ones, such as own code takes apart."""
    hint, name = original.hints[at], original.names[at]
    if not hint.text or not hint.known or hint.closed:
        return False
    others = [text for text in [*hint.samples, *hint.given] if text not in hint.known][:MOST_SAMPLES]
    return any(original.accepts({**usual, name: np.array([text], object)}) for text in others)


def without_unread(original: Original) -> Original:
    """The same model without the columns of its table that it drops before anything reads them.

    Whether it takes anything there, a text, a number or nothing, is tried.
    """
    kept = [at for at, hint in enumerate(original.hints) if hint.readers]
    if not original.named or not 0 < len(kept) < len(original.hints):
        return original
    fewer = replace(
        original,
        names=tuple(original.names[at] for at in kept),
        hints=tuple(original.hints[at] for at in kept),
        unread=tuple((at, name) for at, name in enumerate(original.names) if at not in set(kept)),
    )
    usual = usual_row(fewer.names, fewer.hints)
    several = {name: np.resize(values, len(ANYTHING)) for name, values in usual.items()}
    return fewer if fewer.accepts(several) else original


def _find_domain(original: Original, hints: Sequence[ColumnHint]) -> None:
    """Marks the free numbers that the model refuses if they are negative, or zero: before a logarithm, a power.

    All of them where it refuses negative ones all at once, though it takes each beside others that are positive.
    """
    free = [hint for hint in hints if _is_free(hint)]
    if not free:
        return
    usual = usual_row(original.names, hints)
    if not original.accepts(usual):
        for hint in free:
            hint.positive = hint.nonzero = True
        usual = usual_row(original.names, hints)
    if original.accepts(usual):
        negative, zero = (_taking(original, usual, hints, value) for value in (-1.5, 0.0))
        if sum(map(_is_free, hints)) == sum(negative):
            columns = zip(original.names, hints, strict=True)
            below = {name: np.array([-1.5]) for name, hint in columns if _is_free(hint)}
            negative = negative if original.accepts({**usual, **below}) else [False] * len(hints)
        for hint, below_zero, at in zip(hints, negative, zero, strict=True):
            hint.positive, hint.nonzero = _is_free(hint) and not below_zero, _is_free(hint) and not at


def _taking(original: Original, usual: Table, hints: Sequence[ColumnHint], value: float) -> list[bool]:
    """Which columns may hold ``value``; of very many free ones, all or none."""
    tried = [np.array([value]) if _is_free(hint) else None for hint in hints]
    if sum(map(_is_free, hints)) <= MOST_TRIED:
        return _accepting(original, usual, tried)
    columns = zip(original.names, tried, strict=True)
    return [original.accepts({**usual, **{name: at for name, at in columns if at is not None}})] * len(hints)


def _is_free(hint: ColumnHint) -> bool:
    return not (hint.text or hint.boolean or hint.known)


def _missing(hint: ColumnHint) -> Any:
    return None if hint.boolean else np.array([None], object) if hint.text else np.array([np.nan])


def _unseen(hint: ColumnHint) -> Any:
    if not hint.known or hint.boolean:
        return None
    if hint.text:
        return np.array([UNSEEN_TEXT], object)
    known = (value for value in hint.known if not is_missing(value))
    return np.array([max(known, default=0) + (DAY if hint.dates else 1.0)], np.float64)


def _accepting(original: Original, usual: Table, values: Sequence[Any]) -> list[bool]:
    """Which columns may hold their value (None: not tried): halves are asked together, so that few rows are needed.

    Of very many columns that the same estimators read, three speak for the rest where each of them is refused.
    """
    answer = [False] * len(values)

    def takes(columns: list[int]) -> bool:
        return original.accepts({**usual, **{original.names[i]: values[i] for i in columns}})

    def ask(columns: list[int]) -> None:
        if takes(columns):
            for i in columns:
                answer[i] = True
        elif len(columns) > 1 and not _is_refused_throughout(columns, takes):
            middle = len(columns) // 2
            ask(columns[:middle])
            ask(columns[middle:])

    tried = [i for i, value in enumerate(values) if value is not None]
    for columns in [tried] if len(tried) <= MOST_TRIED or takes(tried) else _read_alike(original.hints, tried):
        if columns:
            ask(columns)
    return answer


def _is_refused_throughout(columns: list[int], takes: Callable[[list[int]], bool]) -> bool:
    few = (columns[0], columns[len(columns) // 2], columns[-1])
    return len(columns) > MOST_TRIED and not any(takes([column]) for column in few)


def _read_alike(hints: Sequence[ColumnHint], columns: list[int]) -> list[list[int]]:
    """The columns by who reads them and what they hold."""
    groups: dict[Any, list[int]] = {}
    for i in columns:
        hint = hints[i]
        groups.setdefault((tuple(hint.readers), hint.text, hint.boolean, bool(hint.known)), []).append(i)
    return list(groups.values())


def _dtype(hint: ColumnHint) -> Dtype:
    if hint.text:
        return "string"
    return "bool" if hint.boolean else "float64"


def _is_told_apart(hint: ColumnHint) -> bool:
    """Whether the column is read by its known values only, not also as a number, a date or words."""
    read_otherwise = hint.points or hint.centre is not None or hint.words or hint.hashed_by or hint.dates
    return not (hint.closed or hint.boolean or read_otherwise)


def _categories(hint: ColumnHint) -> tuple[Scalar, ...]:
    known = [value.item() if isinstance(value, np.generic) else value for value in hint.known]
    known = [float(value) if hint.flags and isinstance(value, bool) else value for value in known]
    return tuple(dict.fromkeys(value for value in known if not is_missing(value)))
