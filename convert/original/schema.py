"""Owns the schema: what one row of the model looks like, confirmed by asking the model. Knows nothing of ONNX nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.original.column_hints import Trait
from convert.original.original import Original
from convert.original.table import Table
from server.artefact import Dtype, Feature, Scalar

MATRIX = "X"
UNSEEN_TEXT = "never seen: é"


def describe(original: Original) -> tuple[Feature, ...]:
    """One feature per column. Whether a value may be missing or unknown is tried on the original, not guessed."""
    traits = original.traits
    _find_sign(original, traits)
    usual = usual_row(original.names, traits)
    nullable = _takers(original, usual, [_missing(trait) for trait in traits])
    free = _takers(original, usual, [_unseen(trait) for trait in traits])
    dtypes = [_dtype(trait) for trait in traits]
    single = len(set(dtypes)) == 1 and dtypes[0] == "float64"
    return tuple(
        Feature(
            name=name,
            dtype=dtype,
            input=MATRIX if single else name,
            nullable=nullable[i],
            categories=_categories(trait) if trait.known and not free[i] else None,
        )
        for i, (name, trait, dtype) in enumerate(zip(original.names, traits, dtypes, strict=True))
    )


def _find_sign(original: Original, traits: Sequence[Trait]) -> None:
    """Marks every free number as positive where the model refuses negative ones."""
    free = [trait for trait in traits if _is_free(trait)]
    if not free:
        return
    usual = usual_row(original.names, traits)
    names = [name for name, trait in zip(original.names, traits, strict=True) if _is_free(trait)]
    takes_negative, takes_positive = (
        original.takes({**usual, **{name: np.array([sign]) for name in names}}) for sign in (-1.5, 1.5)
    )
    for trait in free:
        trait.positive = takes_positive and not takes_negative


def _is_free(trait: Trait) -> bool:
    return not (trait.text or trait.boolean or trait.known)


def usual_row(names: Sequence[str], traits: Sequence[Trait]) -> Table:
    """One row the model was made for."""
    return {name: _array([_usual(trait)], trait) for name, trait in zip(names, traits, strict=True)}


def _usual(trait: Trait) -> Any:
    known = [value for value in trait.known if not is_missing(value)]
    if known:
        return known[0]
    if trait.text:
        return UNSEEN_TEXT
    if trait.centre is not None:
        return trait.centre
    return float(np.median(trait.points)) if trait.points else 1.0


def _array(values: list[Any], trait: Trait) -> Any:
    if trait.text:
        return np.array(values, object)
    return np.array(values, np.bool_ if trait.boolean else np.float64)


def _missing(trait: Trait) -> Any:
    return None if trait.boolean else np.array([None], object) if trait.text else np.array([np.nan])


def _unseen(trait: Trait) -> Any:
    if not trait.known or trait.boolean:
        return None
    if trait.text:
        return np.array([UNSEEN_TEXT], object)
    return np.array([max((v for v in trait.known if not is_missing(v)), default=0) + 1.0], np.float64)


def _takers(original: Original, usual: Table, values: Sequence[Any]) -> list[bool]:
    """Which columns may hold their value (None: not tried): halves are asked together, so that few rows are needed."""
    answer = [False] * len(values)

    def ask(columns: list[int]) -> None:
        if not columns:
            return
        tried = {**usual, **{original.names[i]: values[i] for i in columns}}
        if original.takes(tried):
            for i in columns:
                answer[i] = True
        elif len(columns) > 1:
            middle = len(columns) // 2
            ask(columns[:middle])
            ask(columns[middle:])

    ask([i for i, value in enumerate(values) if value is not None])
    return answer


def _dtype(trait: Trait) -> Dtype:
    if trait.text:
        return "string"
    return "bool" if trait.boolean else "float64"


def _categories(trait: Trait) -> tuple[Scalar, ...]:
    known = [value.item() if isinstance(value, np.generic) else value for value in trait.known]
    return tuple(dict.fromkeys(value for value in known if not is_missing(value)))


def is_missing(value: Any) -> bool:
    """Whether a category is the missing one: None or NaN."""
    return value is None or bool(value != value)
