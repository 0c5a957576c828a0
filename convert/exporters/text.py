"""Exports text vectorizers: tokens by ONNX Runtime's own tokenizer, dictionary, n-grams, weights in double."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from sklearn.feature_extraction import text

from convert.errors import Refused
from convert.exporters.parts import characters
from convert.exporters.parts.ngrams import counted, without
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import MICROSOFT, Tensor

UNKNOWN = -1
STOPPED = -2
PADDING = "\ufdd1"  # stands behind the last token of a short text; a noncharacter, so it is no token itself
WORD = r"[\p{L}\p{N}_]"  # what Python calls \w, in the words of ONNX Runtime's regular expressions
PATTERNS = {
    r"(?u)\b\w\w+\b": WORD + "{2,}",
    r"\b\w\w+\b": WORD + "{2,}",
    r"(?u)\b\w+\b": WORD + "+",
    r"\b\w+\b": WORD + "+",
    r"(?u)\w+": WORD + "+",
    r"\w+": WORD + "+",
    r"\w\w+": WORD + "{2,}",
}
PLAIN = re.compile(r"(\[[A-Za-z0-9_\-]+\](\+|\{\d+,\d*\})?)+")  # ranges of ASCII mean the same to both


def vectorizer(e: Exporter, model: Any, x: Columns) -> Columns:
    """Counts of the vocabulary's n-grams, weighted where it is a TfidfVectorizer: [rows, vocabulary]."""
    _check(model)
    vocabulary = {str(term): int(column) for term, column in model.vocabulary_.items()}
    counts = _counts(model, x, vocabulary).cast(np.float64)
    if model.binary:
        counts = (counts > 0.0).cast(np.float64)
    if isinstance(model, text.TfidfVectorizer):
        counts = weighted(model._tfidf, counts)
    return columns(counts, len(vocabulary))


def _counts(model: Any, x: Columns, vocabulary: dict[str, int]) -> Tensor:
    documents = x.text().reshape(-1)
    if model.analyzer == "char":
        return characters.characters(model, documents, vocabulary)
    if model.analyzer == "char_wb":
        return characters.characters_in_words(model, documents, vocabulary)
    if model.strip_accents is not None:
        shortest = 2 if PATTERNS[model.token_pattern].endswith("{2,}") else 1
        return characters.words_without_accents(model, documents, vocabulary, shortest)
    return _counted(_tokens(model, documents), model, vocabulary)


def _check(model: Any) -> None:
    """Refuses, by name, what the tokens of a graph cannot follow."""
    for name in ("preprocessor", "tokenizer"):
        if getattr(model, name) is not None:
            raise Refused(f"it has a {name} of your own", "use lowercase and token_pattern instead")
    if callable(model.analyzer) or callable(model.strip_accents):
        raise Refused("it has an analyzer or strip_accents of your own", "use one of scikit-learn's")
    by_character = model.analyzer != "word" or model.strip_accents is not None
    sigmas = set("ςσ" if by_character else "ς")
    if model.lowercase and any(sigmas.intersection(term) for term in model.vocabulary_):
        raise Refused(
            "Python makes a final sigma of a capital one at the end of a word, the file would not",
            "lower the texts before fitting and use lowercase=False",
        )
    if model.analyzer == "word":
        _check_words(model)


def _check_words(model: Any) -> None:
    if model.token_pattern not in PATTERNS and (model.strip_accents or not PLAIN.fullmatch(model.token_pattern)):
        raise Refused(
            f"token_pattern={model.token_pattern!r} may mean something else to ONNX Runtime",
            "use the default" if model.strip_accents else "use the default, or ranges like [a-z]+",
        )
    if model.strip_accents and model.stop_words and model.ngram_range[1] > 1:
        raise Refused(
            "strip_accents with stop words and n-grams of several words is not exported",
            "leave out one of the three, or strip accents before fitting",
        )


def _tokens(model: Any, words: Tensor) -> Tensor:
    """[rows, longest] strings, padded."""
    graph = words.graph
    if model.lowercase:
        words = graph.op("StringNormalizer", words, case_change_action="LOWER", locale="C.UTF-8")
    return graph.op(
        "Tokenizer",
        words,
        domain=MICROSOFT,
        mark=0,
        mincharnum=1,
        pad_value=PADDING,
        tokenexp=PATTERNS.get(model.token_pattern, model.token_pattern),
    )


def _counted(tokens: Tensor, model: Any, vocabulary: dict[str, int]) -> Tensor:
    least, most = model.ngram_range
    grams = {term: term.split(" ") for term in vocabulary}
    stops = model.get_stop_words() or frozenset()
    known = sorted({word for words in grams.values() for word in words} - set(stops))
    codes = {word: code for code, word in enumerate(known)} | dict.fromkeys(stops, STOPPED)
    ids = tokens.coded(codes, UNKNOWN)
    if stops and most > 1:
        ids = without(ids, STOPPED)
    produced = {vocabulary[t]: [codes[w] for w in words] for t, words in grams.items() if least <= len(words) <= most}
    return counted(ids, produced, len(vocabulary))


def weighted(model: Any, counts: Tensor) -> Tensor:
    """What a TfidfTransformer makes of counts."""
    if model.sublinear_tf:
        there = counts > 0.0
        counts = there.where(there.where(counts, np.float64(1.0)).unary("Log") + 1.0, counts)
    if model.use_idf:
        counts = counts * np.asarray(model.idf_)
    if model.norm is None:
        return counts
    size = counts.unary("Abs") if model.norm == "l1" else counts * counts
    length = size.reduce("ReduceSum")
    length = length if model.norm == "l1" else length.unary("Sqrt")
    return counts / length.equals(0.0).where(np.float64(1.0), length)


def tfidf(e: Exporter, model: Any, x: Columns) -> Columns:
    """Weights for counts that come as numbers."""
    return columns(weighted(model, x.numbers()), x.width)


TRANSFORMS.update({text.CountVectorizer: vectorizer, text.TfidfVectorizer: vectorizer, text.TfidfTransformer: tfidf})
