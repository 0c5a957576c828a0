"""What characters are to a text vectorizer."""

from __future__ import annotations

import sys

from convert.exporters.parts.text.characters import SPACES


def test_every_space_of_python_is_known() -> None:
    assert sorted(SPACES) == [c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()]
    assert SPACES[0] == " "
