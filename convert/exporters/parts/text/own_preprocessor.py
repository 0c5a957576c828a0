"""Owns a person's own preprocessor beyond a vectorizer's options: a function of texts, which is recorded."""

from __future__ import annotations

import copy
from typing import Any

from convert.errors import Refused
from convert.exporters.parts.text.own_tokens import understood
from convert.exporters.registry import RecordTexts
from convert.graph.graph import Tensor

ODD = ("http://x.y/z?a=1", "www.x.y", "<b>", "</b>", "@Name", "#tag", "12", "3.5", "it's", "e-mail", "a_b", "!!", "&")


def read(model: Any, documents: Tensor, record: RecordTexts | None) -> tuple[Any, Tensor]:
    """The vectorizer with options in place of a person's functions, and the texts [rows] that it then gets.

    ``record`` records a function of one text. Raises Refused.
    """
    try:
        return understood(model), documents
    except Refused:
        if record is None or model.preprocessor is None or callable(model.analyzer):
            raise
    if any("ς" in term for term in model.vocabulary_):
        raise Refused(
            "Python makes a final sigma of a capital one at the end of a word, the file would not",
            "lower the texts before fitting",
        )
    plain = copy.copy(model)
    plain.preprocessor, plain.lowercase, plain.strip_accents = None, False, None
    made = record(model.preprocessor, documents)
    if made.dtype.kind != "O":
        raise Refused("its preprocessor answers what is no text", "let it answer the text that is to be read")
    return understood(plain), made.reshape(-1)
