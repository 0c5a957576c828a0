"""CHANGELOG.md says each thing once, as merges of branches like to keep a line that both of them touched."""

from __future__ import annotations

import re
from collections import Counter

from tests.conftest import ROOT

SAME = 60  # letters: two lines that begin alike to here tell of one change, though a figure may differ


def test_no_line_stands_twice() -> None:
    _, *lines = re.split(r"^- ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert len(lines) > 200
    beginnings = Counter(re.sub(r"\s+", " ", line)[:SAME] for line in lines)
    assert [beginning for beginning, times in beginnings.items() if times > 1] == []
