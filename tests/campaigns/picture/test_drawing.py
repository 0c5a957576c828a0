"""The picture in README is light, whole, and shows what people type."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.campaigns.picture.__main__ import ASK, CONVERT, GOAL, SERVE, TOLD
from tests.campaigns.picture.drawing import COLUMNS, SPACE, Line, draw, wrapped
from tests.conftest import ROOT


def test_a_line_breaks_where_a_terminal_breaks_it_and_nothing_becomes_markup() -> None:
    assert [len(part.text) for part in wrapped(Line("said", "x" * (COLUMNS + 1)))] == [COLUMNS, 1]
    drawn = ElementTree.fromstring(draw([Line("typed", "$ <a>  &"), Line("said", "")], 'a "picture"'))  # noqa: S314  ours
    assert "".join(drawn.itertext()).replace(SPACE, " ").strip() == "$ <a>  &"
    assert drawn.get("aria-label") == 'a "picture"'


def test_the_readme_shows_it() -> None:
    assert f'<img src="docs/{GOAL.name}" alt="{TOLD}"' in (ROOT / "README.md").read_text()
    assert GOAL.stat().st_size < 100_000
    text = "".join(ElementTree.parse(GOAL).getroot().itertext()).replace(SPACE, " ")  # noqa: S314  ours
    for typed in (CONVERT, SERVE, ASK.partition(" -d")[0], "equal: ", "good: a push brings 1 model file"):
        assert typed in text
