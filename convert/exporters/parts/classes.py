"""Owns whether a classifier that keeps its classes more than once keeps the same ones each time. Knows no graphs.

What a row is labelled is looked up in one copy, and what a file says of its probabilities stands in another. Where the
two differ in a class that is hardly ever the best, no row that is made up shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import ensemble

from convert.errors import Refused

COPIES = ("le_", "_label_encoder", "_label_binarizer", "label_binarizer_", "_le")


def check_classes(model: Any) -> None:
    """Raises Refused where two copies of a classifier's classes differ, or where they are bytes."""
    known = getattr(model, "classes_", None)
    if known is None:
        return
    if any(np.asarray(target).dtype.kind == "S" for target in (known if isinstance(known, list) else [known])):
        raise Refused("its labels are bytes, which JSON does not have", "fit it on texts: y.astype(str)")
    for copy in _copies(model):
        if not _are_same(known, copy):
            raise Refused(
                f"this {type(model).__name__} keeps its classes twice, and they are not the same: its labels and its"
                " probabilities are of different ones",
                "fit and pickle it again, and change none of its attributes",
            )


def _copies(model: Any) -> Iterator[Any]:
    """The classes as its encoders have them; and what encoded ones stand for, to who was fitted on their positions."""
    for name in COPIES:
        kept = vars(model).get(name)
        copies = [_given(one) for one in (kept if isinstance(kept, list) else [kept])]
        if all(copy is not None for copy in copies):
            yield copies if isinstance(kept, list) else copies[0]
    if isinstance(model.classes_, list):
        return
    for inner in _fitted_on_positions(model):
        positions = getattr(inner, "classes_", None)
        if positions is not None and not isinstance(positions, list):
            yield _at(model.classes_, positions)


def _fitted_on_positions(model: Any) -> list[Any]:
    if isinstance(model, ensemble.StackingClassifier):
        return [model.final_estimator_]
    return list(model.estimators_) if isinstance(model, ensemble.VotingClassifier) else []


def _given(encoder: Any) -> Any:
    return getattr(encoder, "classes_", None)


def _at(classes: Any, positions: Any) -> Any:
    """The classes at these positions; the positions themselves where they are none."""
    there = np.asarray(positions)
    fit = there.dtype.kind in "iu" and len(there) and there.min() >= 0 and there.max() < len(classes)
    return np.asarray(classes)[there] if fit else there


def _are_same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_same, one, other))
    return bool(np.asarray(one).tolist() == np.asarray(other).tolist())
