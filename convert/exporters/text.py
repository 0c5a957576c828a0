"""Exports text vectorizers: tokens by ONNX Runtime's own tokenizer, dictionary, n-grams, weights in double."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from sklearn.feature_extraction import text

from convert.columns import Columns, columns
from convert.errors import Refused
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph import MICROSOFT, ML, Tensor

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
    counts = _counted(_tokens(model, x), model, vocabulary).cast(np.float64)
    if model.binary:
        counts = (counts > 0.0).cast(np.float64)
    if isinstance(model, text.TfidfVectorizer):
        counts = weighted(model._tfidf, counts)
    return columns(counts, len(vocabulary))


def _check(model: Any) -> None:
    """Refuses, by name, what the tokens of a graph cannot follow."""
    for name in ("preprocessor", "tokenizer"):
        if getattr(model, name) is not None:
            raise Refused(f"it has a {name} of your own", "use lowercase and token_pattern instead")
    if model.lowercase and any("ς" in term for term in model.vocabulary_):
        raise Refused(
            "Python makes a final sigma of a capital one at the end of a word, ONNX Runtime does not",
            "lower the texts before fitting and use lowercase=False",
        )
    if model.analyzer != "word":
        raise Refused(f"analyzer={model.analyzer!r} is not exported", "use analyzer='word'")
    if model.strip_accents is not None:
        raise Refused(f"strip_accents={model.strip_accents!r} is not exported", "strip accents before fitting")
    if model.token_pattern not in PATTERNS and not PLAIN.fullmatch(model.token_pattern):
        raise Refused(
            f"token_pattern={model.token_pattern!r} may mean something else to ONNX Runtime",
            "use the default, or ranges like [a-z]+",
        )


def _tokens(model: Any, x: Columns) -> Tensor:
    """[rows, longest] strings, padded."""
    words = x.text().reshape(-1)
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
    graph = tokens.graph
    least, most = model.ngram_range
    grams = {term: term.split(" ") for term in vocabulary}
    stops = model.get_stop_words() or frozenset()
    known = sorted({word for words in grams.values() for word in words} - set(stops))
    codes = {word: code for code, word in enumerate(known)} | dict.fromkeys(stops, STOPPED)
    ids = graph.op(
        "LabelEncoder",
        tokens,
        dtype=np.int64,
        domain=ML,
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=UNKNOWN,
    )
    if stops and most > 1:
        ids = _without_stops(ids)
    return _grams(ids, {vocabulary[t]: [codes[w] for w in words] for t, words in grams.items()}, least, most)


def _without_stops(ids: Tensor) -> Tensor:
    """Stop words leave before n-grams are made: each row's others move to the front, in order."""
    graph = ids.graph
    length = graph.op("Shape", ids, dtype=np.int64, start=1, end=2)
    stopped = ids.equals(STOPPED)
    places = graph.op("CumSum", (ids * 0) + 1, graph.constant(np.int64(1)))
    keys = stopped.where(places + length, places)
    _, order = graph.ops("TopK", keys, length, dtypes=[np.int64, np.int64], axis=1, largest=0, sorted=1)
    return graph.op("GatherElements", ids, order, axis=1)


def _grams(ids: Tensor, grams: dict[int, list[int]], least: int, most: int) -> Tensor:
    pool: list[int] = []
    counts, indexes = [], []
    for size in range(1, most + 1):
        counts.append(len(pool))
        for column, codes in grams.items():
            if len(codes) == size:
                pool += codes
                indexes.append(column)
    return ids.graph.op(
        "TfIdfVectorizer",
        ids,
        dtype=np.float32,
        mode="TF",
        min_gram_length=least,
        max_gram_length=most,
        max_skip_count=0,
        ngram_counts=counts,
        ngram_indexes=indexes,
        pool_int64s=pool,
        weights=[1.0] * len(indexes),
    )


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
