"""Owns what an original with code of a person's own is asked before its schema is known: what it takes and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convert.errors import Refused
from convert.original.hints.visiting import find_hints
from convert.original.self_description import last_step, width_of
from convert.original.usual import UNSEEN_TEXT, usual_row
from convert.tracing.recorder.texts.samples import NUMBERS, reshaped
from convert.tracing.steps import is_own

if TYPE_CHECKING:
    from convert.original.original import Original

ODD = (UNSEEN_TEXT, " ")
SHOWN_NAMES = 8


def texts_told_by(reader: Any) -> dict[int, list[str]]:
    """At which positions an estimator takes texts, and those that it knows."""
    hints = enumerate(find_hints(reader, width_of(reader) or 0))
    return {at: [value for value in hint.known if isinstance(value, str)] for at, hint in hints if hint.text}


def answers_values(original: Original) -> bool:
    """Whether a class of a person's own that does not say what it is answers numbers that are no labels."""
    if original.kind != "clusterer" or not is_own(last_step(original.model)):
        return False
    try:
        answered = original.ask(usual_row(original.names, original.hints))["label"]
    except Refused:
        raise
    except Exception:  # noqa: BLE001  whatever it raises, its kind is asked again of other rows
        return False
    return bool(answered.dtype.kind == "f" and (answered != np.trunc(answered)).any())


def keep_taken(original: Original) -> None:
    """Where own code takes texts of one shape alone, those remain that it takes, and others of their shape.

    Of the texts that are numbers those go that it does not take, such as infinite ones.
    """
    usual = usual_row(original.names, original.hints)
    for name, hint in zip(original.names, original.hints, strict=True):
        hint.samples = [
            text
            for text in hint.samples
            if text not in NUMBERS or original.accepts({**usual, name: np.array([text], object)})
        ]
        if hint.given and not all(original.accepts({**usual, name: np.array([odd], object)}) for odd in ODD):
            known = [value for value in hint.known if isinstance(value, str)]
            tried = [*known, *hint.given, *reshaped(hint.given)]
            taken = [text for text in tried if original.accepts({**usual, name: np.array([text], object)})]
            hint.given, hint.shaped = taken or hint.given, bool(taken)


def asking_for_rows(refused: Refused, original: Original) -> Refused:
    """The same refusal; where columns may be of another kind than was guessed, that rows of a person's tell."""
    if not original.unsure:
        return refused
    listed = ", ".join(original.unsure[:SHOWN_NAMES])
    return Refused(
        refused.reason,
        f"give rows as clients send them: --data ROWS.csv. Nothing in the model tells whether {listed} hold texts or"
        " numbers",
    )
