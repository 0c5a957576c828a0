"""Owns the asking of a witness, from the child that builds the graph. Knows nothing of how a witness was started."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from convert.errors import Refused
from convert.graph.graph import Array
from convert.witness import frames
from convert.witness.answers import Answers, Question
from convert.witness.frame import Table

MOST_CHARACTERS = 2000  # of what a witness says
NAMES = re.compile(r"transformed|value|label|scores|probabilities(_[0-9]{1,5})?")


class DoesNotTake(ValueError):
    """The original raised an error for these rows."""


class Witness:
    """Answers as the original does, in the ``version`` that wrote it; ``told`` says that and what it runs on."""

    def __init__(self, questions: BinaryIO, replies: BinaryIO, version: str, told: str) -> None:
        self.version, self.told = version, told
        self._questions, self._replies = questions, replies

    def open(
        self, pickled: bytes, names: Iterable[tuple[str, str]], stand_ins: Iterable[tuple[str, str]], key: str | None
    ) -> None:
        """Hands over a pickle that our own reader has let through, and the names it uses. Raises Refused.

        Of these the ``stand_ins`` do nothing there, as they did nothing here.
        """
        head = {"do": "open", "names": sorted(names), "stand_ins": sorted(stand_ins), "key": key}
        reply, _ = self._exchange(head, {"pickle": np.frombuffer(pickled, np.uint8)})
        if "error" in reply:
            raise Refused(
                f"scikit-learn {self.version} itself does not open the file: {str(reply['error'])[:MOST_CHARACTERS]}",
                "name the environment that the model was made in: --environment DIR, the folder with bin/python in it",
            )

    def ask(self, question: Question, table: Table) -> tuple[Answers, float]:
        """As `convert.witness.answers.ask`. Raises DoesNotTake for what the model raises."""
        native = {name: [list(known.values), known.closed] for name, known in question.native.items()}
        head = {
            "do": "ask",
            **question._asdict(),
            "native": native,
            "nones": sorted(question.nones),
            "flags": sorted(question.flags),
            "dates": dict(question.dates),
        }
        reply, answers = self._exchange(head, table)
        if "error" in reply:
            raise DoesNotTake(str(reply["error"])[:MOST_CHARACTERS])
        if not _answers_fit(answers, len(next(iter(table.values()), ()))):
            raise Refused(f"scikit-learn {self.version} gave answers that are none to what it was asked", "")
        seconds = reply.get("seconds")
        return answers, seconds if isinstance(seconds, float) and 0 <= seconds < math.inf else 0.0

    def _exchange(self, head: dict[str, Any], arrays: Mapping[str, Array]) -> tuple[dict[str, Any], dict[str, Array]]:
        try:
            frames.write(self._questions, head, arrays)
            return frames.read(self._replies)
        except (frames.Broken, BrokenPipeError) as error:
            raise Refused(
                f"the process with scikit-learn {self.version} died: a crash, a limit, or a missing wall",
                "allow more with --memory-gb or --timeout",
            ) from error


def _answers_fit(answers: Answers, rows: int) -> bool:
    """Whether a stranger's arrays are answers to so many rows: named as answers are, a row of each."""
    named = bool(answers) and all(NAMES.fullmatch(name) for name in answers)
    return named and all(array.ndim in (1, 2) and len(array) == rows for array in answers.values())
