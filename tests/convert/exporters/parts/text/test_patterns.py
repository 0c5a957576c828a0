"""Token patterns: what ONNX Runtime finds is what Python finds, or the pattern is refused."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest

from convert.exporters.parts.text.patterns import tokens_of
from convert.graph.graph import MICROSOFT, Graph
from server.artefact.runtime import Runtime

FOLLOWED = (
    r"(?u)\b\w\w+\b", r"\b\w\w+\b", r"(?u)\b\w+\b", r"\w+", r"\w{1,}", r"\w{2,}", r"(?u)\b\w\w\w+\b", r"\w{3,}",
    r"[a-zA-Z]{3,}", r"[a-z]+", r"[a-zA-Z0-9_]+", r"\b[a-zA-Z]{2,}\b", r"(?u)\b[a-zA-Z][a-zA-Z]+\b", r"\b[a-z]+\b",
    r"\b[A-Za-z0-9]{2,}\b", r"\S+", r"[^\s]+", r"\S\S+", r"\d+", r"\b\d+\b", r"\b[^\d\W]+\b", r"[^\W\d_]+",
    r"[^\W_]+", r"[a-z-]+", r"[a-z]+[0-9]+", r"[a-z]{2,4}",
)  # fmt: skip
REFUSED = (
    r"\w{2,5}", r"\b[a-z]{2,5}\b", r"[a-z]+|[0-9]+", r"(\w+)", r"\b\S+\b", r"\b\w+", r"\w+?", r"[\w']+", r"\w",
    r"\b[0-z]+\b", r"\b[z-a]+\b", r"\w\d+", r"(?i)[a-z]+", r"\w{0,}", "é+", "",
)  # fmt: skip
# every character between letters and digits of its own, and words with odd ends
ASSIGNED = [c for c in map(chr, range(0x3100)) if unicodedata.category(c) not in ("Cn", "Co", "Cs", "Cc")]
TEXTS = [
    "abc1 abcé x1 don't a_b 42 ²½ Ⅷ 日本語 foo\u2003bar foo\x85baz e\u0301a _a a_ 1a a1b ab12 12ab é éa aé",
    *(f"ab{c}cd {c}e f{c} {c} 12{c}34" for c in ASSIGNED[::7]),
]


@pytest.mark.parametrize("pattern", FOLLOWED)
def test_the_tokens_are_pythons(pattern: str) -> None:
    wanted = tokens_of(pattern)
    assert wanted is not None
    graph = Graph()
    text = graph.input("text", object, 1).reshape(-1)
    split = {"mark": 0, "mincharnum": 1, "pad_value": "\ufdd1", "tokenexp": wanted.expression}
    tokens = graph.op("Tokenizer", text, domain=MICROSOFT, **split)
    outputs = {"tokens": tokens}
    if wanted.kept:
        outputs["kept"] = graph.op("RegexFullMatch", tokens, dtype=np.bool_, pattern=wanted.kept)
    runtime = Runtime(graph.finish(outputs, dict.fromkeys(outputs, (1,))).SerializeToString())
    for text_ in TEXTS:
        got = runtime.run(list(outputs), {"text": np.array([[text_]], object)})
        kept = got[1][0] if wanted.kept else np.ones(len(got[0][0]), np.bool_)
        found = [word for word, there in zip(got[0][0], kept, strict=True) if there and word != "\ufdd1"]
        assert found == re.findall(pattern, text_), text_


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_may_mean_something_else_is_refused(pattern: str) -> None:
    assert tokens_of(pattern) is None
