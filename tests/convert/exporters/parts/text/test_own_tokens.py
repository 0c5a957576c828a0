"""Tokenizers, preprocessors and analyzers of a person's own are read as the options that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from convert.errors import Refused
from convert.exporters.parts.text.own_tokens import understood
from convert.exporters.parts.text.trial_texts import refuse_others
from convert.exporters.registry import Exporter, load_families
from convert.graph.columns import columns
from convert.graph.graph import Graph
from server.artefact.runtime import Runtime

TEXTS = ["Red red GREEN", "blue  green, it's", "a-b c_d 42 été", "  x ", "", "Straße\tnaïve\nend."]
COMPILED = re.compile(r"[a-z]+")
pytestmark = pytest.mark.filterwarnings("ignore:The parameter 'token_pattern'")


def found(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def lowered_after(text: str) -> list[str]:
    return [token.lower() for token in text.split()]


class Words:
    """A tokenizer as a class."""

    def __init__(self) -> None:
        self.pattern = re.compile(r"[a-z]{2,}")

    def __call__(self, text: str) -> list[str]:
        return self.pattern.findall(text)


MODELS: dict[str, Any] = {
    "split": CountVectorizer(tokenizer=lambda text: text.split()),
    "str.split": CountVectorizer(tokenizer=str.split),
    "analyzer": CountVectorizer(analyzer=lambda text: text.split()),
    "str.split as an analyzer": TfidfVectorizer(analyzer=str.split),
    "findall": TfidfVectorizer(tokenizer=found, lowercase=False, ngram_range=(1, 2)),
    "compiled": CountVectorizer(tokenizer=COMPILED.findall),
    "compiled within": CountVectorizer(tokenizer=lambda text: COMPILED.findall(text)),
    "a class": CountVectorizer(tokenizer=Words()),
    "lowered after": CountVectorizer(analyzer=lowered_after),
    "spaces": CountVectorizer(tokenizer=lambda text: text.split(" "), vocabulary=["red", "green,", "x"]),
    "re.split": CountVectorizer(tokenizer=lambda text: re.split(r"\s+", text), vocabulary=["red", "a-b", "x"]),
    "without empty words": CountVectorizer(tokenizer=lambda text: [word for word in re.split(r"\W+", text) if word]),
    "preprocessor": CountVectorizer(preprocessor=str.lower),
    "no preprocessor": CountVectorizer(preprocessor=lambda text: text),
    "hashed": HashingVectorizer(n_features=32, tokenizer=lambda text: text.split(), alternate_sign=False),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_they_answer_is_what_the_graph_answers(name: str) -> None:
    load_families()
    model = MODELS[name].fit(TEXTS)
    expected = model.transform(TEXTS).toarray()
    graph = Graph()
    made = Exporter(graph).transform(model, columns(graph.input("text", np.dtype(object), 1), 1)).numbers()
    runtime = Runtime(graph.finish({"y": made}, {"y": expected.shape[1:]}).SerializeToString())
    (got,) = runtime.run(["y"], {"text": np.array(TEXTS, object).reshape(-1, 1)})
    np.testing.assert_allclose(got, expected, atol=1e-12)


STOPPED = frozenset(["the", "of"])
SEEN: list[str] = []


def with_errors_caught(text: str) -> list[str]:
    try:
        return [text[:1], *text.split()]
    except Exception:  # noqa: BLE001
        return text.split()


def of_a_text(text: Any) -> Any:
    return text.replace("-", " ").split() if isinstance(text, str) else text.split()


def counting(text: str) -> list[str]:
    SEEN.append("once")
    return text.split() if len(SEEN) < 9 else text.lower().split()


def parts_of_parts(text: str) -> list[str]:
    return [part for word in text.split() for part in word.split("-")]


REFUSED: dict[str, Callable[[str], Any]] = {
    "str.title": lambda text: text.title().split(),
    "a filter": lambda text: [token for token in text.split() if len(token) > 2],
    "flags": lambda text: re.findall("[a-z]+", text, re.IGNORECASE),
    "lowering what capitals found": lambda text: [token.lower() for token in re.findall("[A-Z]+", text)],
    "the text itself": lambda text: text,
    "empty words": lambda text: text.split(" "),
    "a stop list": lambda text: [token for token in text.split() if token not in STOPPED],
    "a stop list of a tuple": lambda text: [token for token in text.split() if token not in ("the", "of")],
    "one stop word": lambda text: [word for word in text.split() if word != "the"],
    "the first words": lambda text: list(text.split())[:100],
    "the first by number": lambda text: [token for at, token in enumerate(text.split()) if at < 100],
    "all but one": lambda text: list(text.split())[1:],
    "sorted": lambda text: sorted(text.split()),
    "each once": lambda text: list(dict.fromkeys(text.split())),
    "twice": lambda text: [token for token in text.split() for _ in range(2)],
    "parts of parts": parts_of_parts,
    "a text of its own": lambda text: [] if text == "green" else text.split(),
    "caught errors": with_errors_caught,
    "texts alone": of_a_text,
    "long texts": lambda text: text.split() if len(list(text.split())) > 1 else text.lower().split(),
    "what it counts": counting,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_option_says_is_refused_by_name(name: str) -> None:
    model = CountVectorizer(tokenizer=REFUSED[name], ngram_range=(1, 2), lowercase=False).fit(
        ["red GREEN blue RED  x-y the end of it"]
    )
    with pytest.raises(Refused) as refused:
        understood(model)
    assert refused.value.remedy


class Stopped:
    """A tokenizer that a recording would take for str.split; only its own stop words tell."""

    def __init__(self) -> None:
        self.held: Any = {"words": [["zyx"]], "numbers": [list(range(1000))] * 1000}

    def __call__(self, text: str) -> list[str]:
        return [word for word in text.split() if word not in self.held["words"][0]]


def test_texts_of_what_the_code_names_tell_other_words() -> None:
    plain = CountVectorizer(token_pattern=r"\S+", lowercase=False).fit(["red zyx green"])  # noqa: S106
    refuse_others(CountVectorizer(tokenizer=str.split, lowercase=False), plain, [str.split], "help")
    with pytest.raises(Refused, match="zyx"):
        refuse_others(CountVectorizer(tokenizer=Stopped(), lowercase=False), plain, [Stopped()], "help")


def test_a_vectorizer_without_such_functions_is_itself() -> None:
    model = CountVectorizer()
    assert understood(model) is model
