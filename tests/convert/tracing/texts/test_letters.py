"""Letters become small or capital as in Python, also where one becomes several; and texts become the same numbers."""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from convert.tracing.recorder.texts.texts import several
from tests.convert.tracing.test_rare_rows import FEW, answered
from tests.convert.tracing.test_steps import assert_same

WORDS = ["Straße", "İSTANBUL", "\u0131I", "ﬁn", "ŉ", "ᾳ", "ǅ", "ẞ", "K", "ΑΣΑ", "", "Ἀθῆναι", None]
RARE = pd.DataFrame({"word": np.array(WORDS, object), "n": 0.0})


def asked(function: Any, rare: Any = RARE) -> None:
    """The graph answers as the function does."""
    assert_same(answered(function, FEW, rare), function(rare))


@pytest.mark.parametrize("action", ["lower", "upper"])
def test_letters_that_become_several_do_so(action: str) -> None:
    asked(lambda df: getattr(df["word"].str, action)())
    asked(lambda df: df["word"].apply(lambda word: getattr(word, action)() if isinstance(word, str) else "none"))


@pytest.mark.parametrize("action", ["lower", "upper"])
def test_no_letter_becomes_another(action: str) -> None:
    known = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] in "LMN"]
    letters = [c for c in known if getattr(c, action)() != c]
    assert not [c for c in letters if len(getattr(c, action)()) > 1 and c not in several(action.upper())]
    asked(lambda df: getattr(df["word"].str, action)(), pd.DataFrame({"word": np.array(letters, object), "n": 0.0}))


@pytest.mark.parametrize("piece", ["ss", "ß", "i", "FI", "\u212a"])
def test_a_piece_in_any_case_is_looked_for_as_pandas_does(piece: str) -> None:
    asked(lambda df: df["word"].str.contains(piece, case=False, regex=False, na=False).astype(float))


def test_infinite_numbers_are_numbers() -> None:
    texts = ["inf", "-inf", "+Infinity", " INF ", "infinit", "-", "nan", "-.5e-3", None]
    rare = pd.DataFrame({"word": np.array(texts, object), "n": 0.0})
    asked(lambda df: pd.to_numeric(df["word"], errors="coerce"), rare)


def test_what_is_found_before_the_end_of_a_line_is_refused() -> None:
    def last(df: Any) -> Any:
        return df["word"].apply(lambda word: hit.group(0) if (hit := re.search("x.$", word)) else "none")

    for function in (last, lambda df: df["word"].str.count(r"\D$")):
        with pytest.raises(Refused, match=r"ends with|between letters"):
            answered(function, FEW, RARE)
