"""What reaches a terminal shows what it is: no escape, no mark that turns text, nothing invisible."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert.cli.terminal import on_one_line, visible, visible_json

NASTY = (
    "\x1b[2J",
    "\x9b2J",
    "\x07",
    "\r",
    "\x08",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200f",
    "\u2028",
    "\ufeff",
    "\U000e0041",
    "\udc80",
)


@pytest.mark.parametrize("text", NASTY)
def test_what_steers_a_terminal_is_escaped(text: str) -> None:
    assert visible(text).isascii()
    assert visible(text).startswith("\\")
    assert on_one_line(f"a\n{text}").startswith("a\\n\\")


def test_what_can_be_read_stays() -> None:
    assert visible("naïve 日本 █ 'x'\nnext") == "naïve 日本 █ 'x'\nnext"


@given(st.text())
def test_nothing_that_steers_is_left(text: str) -> None:
    left = {unicodedata.category(character) for character in visible(text).replace("\n", "")}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert "\n" not in on_one_line(text)


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_the_same_document(document: dict[str, str]) -> None:
    text = visible_json(json.dumps(document, ensure_ascii=False))
    assert text.isprintable()
    assert json.loads(text) == document
