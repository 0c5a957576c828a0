"""What characters are to a text vectorizer."""

from __future__ import annotations

import itertools
import sys
import unicodedata

from convert.exporters.parts.text.characters import PLANES, SPACES, UNUSED


def test_every_space_of_python_is_known() -> None:
    assert sorted(SPACES) == [c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()]
    assert SPACES[0] == " "


def test_every_character_of_unicode_stands_in_the_planes_that_are_looked_at() -> None:
    beyond = set(range(sys.maxunicode + 1)).difference(itertools.chain(*PLANES))
    assert {unicodedata.category(chr(number)) for number in beyond} <= set(UNUSED)
