"""Expressions of a person's own that RE2 is shown to read as Python does: choices that begin apart, ends of words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convert.graph.graph import Graph, Tensor
from convert.tracing.recorder.elements import NoNode
from convert.tracing.recorder.texts import pieces, texts
from server.artefact.metadata import MISSING_TEXT
from server.artefact.runtime import Runtime

LETTERS = "ab<>x1 .\n,@#é_-/:!'&;(){}$€"
FIXED = (
    "", "free", "a free b", "freely", "unfree", "free!", "éfree", "<b>hi</b>", "<>", "<<a>>", "http://a.b/c www.x.y",
    "https://q #tag @me", "win prize", "12 km", "ab12", "x1.5,2", "1998-2004", "a\nfree\nb", "(a)(b)", "$1,000",
)  # fmt: skip


def tried(more: str = "") -> list[str]:
    """Texts of which many hold what an expression finds."""
    chance = random.Random(1)
    made = ["".join(chance.choice(LETTERS + more) for _ in range(chance.randint(0, 14))) for _ in range(200)]
    return [*FIXED, *made]


def answered(make: Callable[[Tensor], Tensor], words: list[str]) -> list[Any]:
    graph = Graph()
    model = graph.finish({"y": make(graph.input("x", object, 1))}, {"y": (1,)})
    (got,) = Runtime(model.SerializeToString()).run(["y"], {"x": np.array(words, object).reshape(-1, 1)})
    return list(got.ravel().tolist())


@pytest.mark.parametrize(
    "pattern", [r"\bfree\b", r"\b(?:free|win)\b", r"\bfree", r"free\b", r"\b\d+\b", r"\bx[a-z]*\b", r"\b\w+\b"]
)
def test_words_are_found_between_their_ends(pattern: str) -> None:
    words = tried("free win")
    got = answered(lambda x: texts.contains(x, pattern, regex=True), words)
    assert got == [bool(re.search(pattern, word)) for word in words]


@pytest.mark.parametrize(
    "pattern",
    [
        r"<.*?>", r"<.+?>", r"\(.*?\)", r"<[^>]+>", r"http\S+|www\S+", r"https?://\S+|www\.\S+", r"@\w+|#\w+",
        r"\d+|[a-z]+", r"(?:ab|x)1*", r"[@#]\w+|\d", r"&\w+;|<[^>]*>", r"[!'\"#]", r"[$€,]", r"é+", r"[\t\n]",
    ],
)  # fmt: skip
def test_pieces_are_those_that_python_finds(pattern: str) -> None:
    words = tried()
    replaced = answered(lambda x: texts.replaced(x, pattern, "_", regex=True), words)
    assert replaced == [re.sub(pattern, "_", word) for word in words]
    assert answered(lambda x: texts.count(x, pattern), words) == [len(re.findall(pattern, word)) for word in words]


@pytest.mark.parametrize(
    "pattern", [r"(\d{4})", r"(\d{1,2})", r"([0-9.]+)", r"([A-Za-z ]+)", r"^(\d{2})", r"x(\d{2,3})", r"(\d{2})-"]
)
def test_groups_may_be_counted(pattern: str) -> None:
    words = tried("1234567890")
    found = [re.search(pattern, word) for word in words]
    expected = [MISSING_TEXT if one is None else one.group(1) for one in found]
    assert answered(lambda x: pieces.extracted(x, pattern), words) == expected


@pytest.mark.parametrize("pattern", [r"a?(?:ab1|b)", "a|ab", r"a*?b", r"<.*?>x", r"\w+|\d+x", r"(?:a|b)?(?:c|d)"])
def test_a_choice_whose_longest_piece_may_not_be_pythons_is_refused(pattern: str) -> None:
    with pytest.raises(NoNode):
        answered(lambda x: texts.replaced(x, pattern, "_", regex=True), ["a"])


def test_ends_of_words_beside_one_way_of_a_choice_are_refused() -> None:
    with pytest.raises(NoNode):
        answered(lambda x: texts.contains(x, r"\bfree|win\b", regex=True), ["a"])
