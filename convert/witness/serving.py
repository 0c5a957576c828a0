"""Owns the work of a witness, once its walls are up: it opens one pickle as its own version does, and answers rows.

Plain Python 3.8: see this package.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

import joblib

from convert.opening.watched import watch_compiled_code
from convert.witness import frames
from convert.witness.answers import Question, ask
from convert.witness.frame import Categories
from convert.witness.reader import Reader

if TYPE_CHECKING:
    from convert.witness.frame import Array

MOST_CHARACTERS = 2000  # of an error


def serve(questions: BinaryIO, replies: BinaryIO) -> None:
    """Answers every frame with one, until the other side goes away. What goes wrong is an answer, too."""
    model: Any = None
    watch_compiled_code()
    with joblib.parallel_backend("sequential"):  # a model's own n_jobs would ask for processes
        while True:
            try:
                head, arrays = frames.read(questions)
            except frames.Broken:
                return
            reply: dict[str, Any] = {}
            found: dict[str, Array] = {}
            try:
                if head["do"] == "open":
                    model = _open(arrays["pickle"].tobytes(), head)
                else:
                    found, reply["seconds"] = ask(model, _question(head), arrays)
            except Exception as error:  # noqa: BLE001  whatever it is, the other side must be able to say it
                found = {}
                reply = {"error": f"{type(error).__name__}: {error}"[:MOST_CHARACTERS]}
            frames.write(replies, reply, found)


def _question(head: dict[str, Any]) -> Question:
    native = {name: Categories(tuple(values), closed) for name, (values, closed) in head["native"].items()}
    nones, dates = frozenset(head["nones"]), head["dates"]
    own_texts, flags = head.get("own_texts") is True, frozenset(head.get("flags", ()))
    return Question(head["kind"], head["named"], head["form"], native, nones, dates, head["alone"], own_texts, flags)


def _open(pickled: bytes, head: dict[str, Any]) -> Any:
    """The model, by the names that our own reader has allowed and by no others."""
    names, stand_ins = ({(module, name) for module, name in head[part]} for part in ("names", "stand_ins"))
    content = Reader(io.BytesIO(pickled), names, stand_ins).load()
    return content if head["key"] is None else content[head["key"]]
