"""What characters are to a text vectorizer."""

from __future__ import annotations

import sys

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from convert.exporters.parts.text.characters import SPACES, _folding


def test_every_space_of_python_is_known() -> None:
    assert sorted(SPACES) == [c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()]
    assert SPACES[0] == " "


@pytest.mark.slow
@pytest.mark.parametrize("accents", [None, "unicode", "ascii"])
def test_what_folds_by_blocks_is_what_folds_one_by_one(accents: str | None) -> None:
    fold = CountVectorizer(strip_accents=accents).build_preprocessor()
    known = dict.fromkeys("é日\u0301ß", 0)
    found = set(_folding(fold, known, accents == "ascii"))
    for c in map(chr, range(sys.maxunicode + 1)):
        assert c in found or (fold(c) == ("" if accents == "ascii" else c) and c not in known), hex(ord(c))
