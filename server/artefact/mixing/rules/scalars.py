"""Owns what operators make of single known values, as they stand behind short texts. Knows no tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

from server.artefact.mixing.value import Scalar

Maybe = Scalar | None  # None: not known
# Results below are the same in every type that is followed: int32 and int64, float32 and float64.
SAFE_WHOLE, SAFE_FLOAT = 2**31, 2**24
BOOL, WHOLE, FLOATS = 9, (6, 7), (1, 11)  # element types to cast to

# Of two known values.
BINARY: Mapping[str, Callable[..., Scalar]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Equal": operator.eq,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Min": min,
}
# All that `apply` knows. What a pattern, a hash, a quotient or a logarithm makes of a value is not computed here: one,
# but unknown.
SCALARS = frozenset(
    {*BINARY, "Abs", "And", "Cast", "Div", "Log", "MurmurHash3", "Not", "Or", "RegexFullMatch", "Where"}
)


def apply(kind: str, values: Sequence[Maybe], to: int) -> Maybe:
    """What an operator makes of values, some of which may not be known. ``to``: the type that `Cast` makes."""
    if kind == "Where" and len(values) == 3:
        return None if values[0] is None else values[1] if values[0] else values[2]
    if kind in ("And", "Or") and len(values) == 2:
        decides = kind == "Or"
        return decides if decides in _booleans(values) else None if None in values else not decides
    if None in values:
        return None
    if kind == "Not" and len(values) == 1:
        return not values[0]
    if kind == "Cast" and len(values) == 1:
        return _cast(values[0], to)
    if kind == "Abs" and len(values) == 1 and _is_exact(values):
        return abs(values[0])  # type: ignore[arg-type]  # a number, as it is exact
    if kind in BINARY and len(values) == 2 and not any(isinstance(value, str) for value in values):
        result = BINARY[kind](*values)
        return result if isinstance(result, bool) or _is_exact([*values, result]) else None
    return None


def _is_exact(numbers: Sequence[Maybe]) -> bool:
    """Whether numbers, the result of others among them, are whole and small enough for every type."""
    most = SAFE_FLOAT if any(isinstance(number, float) for number in numbers) else SAFE_WHOLE
    return all(
        not isinstance(number, str) and number is not None and abs(number) < most and number == int(number)
        for number in numbers
    )


def _booleans(values: Sequence[Maybe]) -> list[bool]:
    return [value for value in values if isinstance(value, bool)]


def _cast(value: Maybe, to: int) -> Maybe:
    if isinstance(value, str) or value is None or not abs(value) < 2**24 or value != int(value):  # or it is NaN
        return None
    if to == BOOL:
        return bool(value)
    if to in WHOLE:
        return int(value)
    return float(value) if to in FLOATS else None
