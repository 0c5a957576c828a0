"""What reaches a terminal shows what it is: no escape, no mark that turns text, nothing invisible."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert.cli.terminal import as_started, on_one_line, visible, visible_json

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


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ([".venv/bin/python", "-m", "convert", "m.pkl"], ".venv/bin/python -m convert"),
        (["python3", "-W", "ignore", "-m", "convert", "m.pkl"], "python3 -W"),
        (["python", "-m", "dynonnx", "convert", "m.pkl"], "python -m dynonnx convert"),
        (["/usr/bin/python3", "/home/n/.local/bin/dynonnx", "convert", "m.pkl"], "dynonnx convert"),
        (["python", "-m", "pytest"], "python -m convert"),
        (["python", "-c", "..."], "python -m convert"),
    ],
)
def test_a_command_that_is_told_begins_as_the_one_that_tells_it(words: list[str], begins: str) -> None:
    told = as_started("what helps: python -m convert m.pkl --trust-code", words)
    assert told == f"what helps: {begins.replace(' -W', ' -m convert')} m.pkl --trust-code"
