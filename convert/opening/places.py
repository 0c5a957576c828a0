"""Owns where in an opened file each kind of object may stand, once everything is built. Knows no opcodes.

What an object does is decided by who calls it: a function that stands where scikit-learn looks for an estimator is a
way in. So everything but data and estimators has its attributes, and a text that scikit-learn takes for the name of a
method is one of the names it may take.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.opening.builder import Builder
from convert.opening.inert import Inert
from convert.opening.plain import MAPPINGS, SCALARS, SEQUENCES, is_key, is_plain, is_scalar
from convert.opening.refusal import called, hostile, shown

ANYWHERE = frozenset(("bunch", "catboost", "estimator", "sparse"))
PLACES: dict[str, frozenset[str]] = {
    "booster": frozenset(("", "_Booster")),  # by itself, too
    "cluster tree": frozenset(("_bisecting_tree", "left", "right")),
    "columns": frozenset(
        (
            "transformers",
            "transformers_",
            "_columns",
            "columns",
            "remainder",
            "_remainder",
            "_transformer_to_input_indices",
        )
    ),
    "curve scorer": frozenset(("_curve_scorer",)),
    "earlier loss": frozenset(("_loss", "loss_")),
    "frame": frozenset(("mapping",)),
    "series": frozenset(("mapping",)),
    "function": frozenset(("func", "inverse_func", "pooling_func")),
    "imputer step": frozenset(("imputation_sequence_",)),
    "interval": frozenset(("interval_y_pred", "interval_y_true")),
    "kernel": frozenset(("kernel", "kernel_", "k1", "k2", "kernels")),
    "link": frozenset(("link",)),
    "lowering": frozenset(("preprocessor",)),
    "loss": frozenset(("_loss", "_base_loss")),
    "neighbours": frozenset(("_tree", "tree_")),
    "predictor": frozenset(("_predictors",)),
    "spline": frozenset(("bsplines_",)),
    "splitting": frozenset(("analyzer", "tokenizer")),
    "statistics family": frozenset(("family",)),
    "statistics link": frozenset(("_link", "link")),
    "statistics model": frozenset(("model_",)),
    "tree": frozenset(("tree_",)),
    "type": frozenset(
        (
            "dtype",
            "_fit_dtype",
            "dtype_",
            "default_factory",
            "pattern",
            "dtype_include",
            "dtype_exclude",
            "missing_values",  # pandas.NA
        )
    ),
}
CODE = (type, types.FunctionType, types.ModuleType)  # trusted ones: what they hold is nobody's state
LEAVES = frozenset(
    (
        "booster",
        "catboost",
        "frame",
        "function",
        "lowering",
        "neighbours",
        "predictor",
        "series",
        "spline",
        "splitting",
        "statistics link",
        "tree",
        "type",
    )
)

ANSWERING = frozenset(("predict", "predict_proba", "predict_log_proba", "decision_function", "auto", None))
METHOD_NAMES = frozenset(("stack_method_", "stack_method", "response_method", "chain_method", "chain_method_"))
IMPORTANCES = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Held:
    """An object of the file, and where it stands: the attribute, empty at the top, and whose that is."""

    thing: Any
    attribute: str = ""
    owner: Any = None


def check_places(root: Any, builder: Builder) -> list[Any]:
    """Every estimator and part that can be reached, each once. Raises Refused for one that stands where none may."""
    found: list[Any] = []
    seen: dict[int, Any] = {}
    waiting = [Held(root)]
    while waiting:
        held = waiting.pop()
        thing = held.thing
        instance = _is_instance(held, builder)
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if instance:
            found.append(thing)
        waiting.extend(part for part in _inside(held, instance, builder) if type(part.thing) not in SCALARS)
    return found


def _is_instance(held: Held, builder: Builder) -> bool:
    """Whether this has attributes of its own to look at; refuses what may not stand here."""
    thing, kind = held.thing, type(held.thing)
    if kind in SEQUENCES or kind in MAPPINGS or is_scalar(thing) or kind in (np.ndarray, bytearray, slice, range):
        return False
    if isinstance(thing, Inert | np.dtype):
        return False
    if builder.trusts(thing):
        return hasattr(thing, "__dict__") and not isinstance(thing, CODE)
    what = "function" if kind is functools.partial else builder.kind_of(thing)
    if what is None and builder.may_hold_anything(held.owner):
        return False
    if what is None or (isinstance(thing, type) and what != "type"):
        raise hostile(f"the file holds {called(thing)}, which is no part of a model")
    free = what in ANYWHERE or builder.trusts(held.owner)
    if not free and held.attribute not in PLACES.get(what, ()):
        place = f"as {held.attribute!r} of {called(held.owner)}" if held.attribute else "by itself"
        raise hostile(f"the file holds {called(thing)} {place}, where a model has none")
    return what not in LEAVES and what != "bunch"


def _inside(held: Held, instance: bool, builder: Builder) -> Iterator[Held]:
    thing, kind = held.thing, type(held.thing)
    if instance:
        for name, value in vars(thing).items():
            if not builder.trusts(thing):
                _check_name(name, value, thing)
            yield Held(value, name, thing)
    elif isinstance(thing, dict):
        if not all(is_key(key) or isinstance(key, Inert) or builder.trusts(key) for key in thing):
            raise hostile("a dict in the file has a key that is no value")
        yield from (Held(value, held.attribute, held.owner) for value in thing.values())
    elif kind in SEQUENCES:
        yield from (Held(value, held.attribute, held.owner) for value in thing)
    elif kind is np.ndarray and thing.dtype.hasobject:
        yield from (Held(value, held.attribute, held.owner) for value in thing.ravel().tolist())


def _check_name(attribute: str, value: Any, owner: Any) -> None:
    """Texts by which scikit-learn finds a method, an attribute or a file."""
    if attribute in METHOD_NAMES:
        names = value if type(value) in SEQUENCES else [value]
        sound = all(type(name) in (str, type(None)) and name in ANSWERING for name in names)
    elif attribute == "importance_getter":
        sound = isinstance(value, Inert) or (type(value) is str and IMPORTANCES.fullmatch(value) is not None)
    elif attribute == "input":
        sound = type(value) is str and value == "content"
    elif attribute in ("kw_args", "inv_kw_args"):
        sound = value is None or (type(value) is dict and is_plain(value) and all(map(is_scalar, value.values())))
    else:
        return
    if not sound:
        raise hostile(f"{called(owner)} has {shown(value)} as its {attribute!r}, which the converter does not follow")
