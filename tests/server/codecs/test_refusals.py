"""What a refusal says of a client's value: little, and at little cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.codecs.refusals import MAX_SHOWN_CHARACTERS, shown, shown_shape


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\n\x1b", '"a\\n\\u001b"'), (None, "null"), (2.5, "2.5"), ([1], "an array"), ({"a": 1}, "an object")],
)
def test_shown(value: Any, text: str) -> None:
    assert shown(value) == text


@given(st.text(max_size=300))
def test_a_shown_value_is_short_and_holds_no_control_character(value: str) -> None:
    assert len(shown(value)) <= MAX_SHOWN_CHARACTERS + 3
    assert all(ord(character) >= 32 for character in shown(value))


def test_a_shape_of_many_long_dimensions_is_shown_short() -> None:
    assert shown_shape([2, 3]) == "[2, 3]"
    assert len(shown_shape([2**63] * 32)) == MAX_SHOWN_CHARACTERS + 3


@given(st.one_of(st.text(), st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Co"]), max_size=90)))
def test_what_is_quoted_can_be_printed(text: str) -> None:
    quoted = shown(text)
    assert quoted.isprintable()
    assert len(quoted) <= MAX_SHOWN_CHARACTERS + 3
    if not quoted.endswith("..."):
        assert json.loads(quoted) == text


def test_controls_and_marks_of_direction_are_escaped() -> None:
    assert shown("a\x7f\x9b31m\u202e\U000e0001é") == '"a\\u007f\\u009b31m\\u202e\\udb40\\udc01é"'
