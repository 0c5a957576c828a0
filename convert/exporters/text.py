"""Exports text vectorizers: tokens by ONNX Runtime's own tokenizer, dictionary, n-grams, weights in double."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.feature_extraction import text

from convert.errors import Refused
from convert.exporters.parts.text import characters
from convert.exporters.parts.text.ngrams import counted, without
from convert.exporters.parts.text.occurrences import as_columns, occurrences_of
from convert.exporters.parts.text.own_tokens import understood
from convert.exporters.parts.text.patterns import tokens_of
from convert.exporters.parts.text.weighted import weighted_rows
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import MICROSOFT, Tensor

UNKNOWN = -1
STOPPED = -2
PADDING = "\ufdd1"  # stands behind the last token of a short text; a noncharacter, so it is no token itself


def vectorizer(e: Exporter, model: Any, x: Columns) -> Columns:
    """Counts of the vocabulary's n-grams, weighted where it is a TfidfVectorizer: [rows, vocabulary]."""
    model = understood(model)
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
        tokens = tokens_of(model.token_pattern)
        return characters.words_without_accents(model, documents, vocabulary, tokens.shortest if tokens else 1)
    return _counted(tokenised(model, documents), model, vocabulary)


def _check(model: Any) -> None:
    """Refuses, by name, what the tokens and the vocabulary of a graph cannot follow."""
    check_tokens(model)
    by_character = model.analyzer != "word" or model.strip_accents is not None
    sigmas = set("ςσ" if by_character else "ς")
    if model.lowercase and any(sigmas.intersection(term) for term in model.vocabulary_):
        raise Refused(
            "Python makes a final sigma of a capital one at the end of a word, the file would not",
            "lower the texts before fitting and use lowercase=False",
        )


def check_tokens(model: Any) -> None:
    """Refuses, by name, what the tokens of a graph cannot follow."""
    if callable(model.strip_accents):
        raise Refused("it has a strip_accents of your own", "use one of scikit-learn's")
    if model.analyzer == "word":
        _check_words(model)


def _check_words(model: Any) -> None:
    tokens = tokens_of(model.token_pattern)
    if tokens is None or (model.strip_accents and not (tokens.are_words and tokens.shortest < 3)):
        raise Refused(
            f"token_pattern={model.token_pattern!r} may mean something else to ONNX Runtime",
            "use the default"
            if model.strip_accents
            else r"use the default, or one like [a-z]+, \w{3,}, \b[a-z]{2,}\b, \S+",
        )
    if model.strip_accents and model.stop_words and model.ngram_range[1] > 1:
        raise Refused(
            "strip_accents with stop words and n-grams of several words is not exported",
            "leave out one of the three, or strip accents before fitting",
        )


def tokenised(model: Any, words: Tensor) -> Tensor:
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
        tokenexp=_expression(model),
    )


def _expression(model: Any) -> str:
    tokens = tokens_of(model.token_pattern)
    return model.token_pattern if tokens is None else tokens.expression


def kept_pattern(model: Any) -> str | None:
    """What of the tokens is one, as a whole; None: all of them are."""
    wanted = tokens_of(model.token_pattern)
    return None if wanted is None else wanted.kept


def _counted(tokens: Tensor, model: Any, vocabulary: dict[str, int]) -> Tensor:
    least, most = model.ngram_range
    grams = {term: term.split(" ") for term in vocabulary}
    stops = model.get_stop_words() or frozenset()
    known = sorted({word for words in grams.values() for word in words} - set(stops))
    codes = {word: code for code, word in enumerate(known)} | dict.fromkeys(stops, STOPPED)
    ids = tokens.coded(codes, UNKNOWN)
    kept = kept_pattern(model)
    if kept and most > 1:  # one word alone is not in the vocabulary anyway
        whole = tokens.graph.op("RegexFullMatch", tokens, dtype=np.bool_, pattern=kept)
        ids = whole.where(ids, np.int64(STOPPED))
    if (stops or kept) and most > 1:
        ids = without(ids, STOPPED)
    produced = {vocabulary[t]: [codes[w] for w in words] for t, words in grams.items() if least <= len(words) <= most}
    return counted(ids, produced, len(vocabulary))


def weighted(model: Any, counts: Tensor, idf: Tensor | None = None) -> Tensor:
    """What a TfidfTransformer makes of counts; ``idf`` where they are not in the order of its own."""
    if model.sublinear_tf:
        there = counts > 0.0
        counts = there.where(there.where(counts, np.float64(1.0)).unary("Log") + 1.0, counts)
    if not model.use_idf:
        return of_one_length(counts, model.norm)
    if idf is not None or model.norm is None:
        return of_one_length(counts * (np.asarray(model.idf_) if idf is None else idf), model.norm)
    return weighted_rows(counts, np.asarray(model.idf_), model.norm)


def of_one_length(counts: Tensor, norm: str | None) -> Tensor:
    """Rows divided by their length; a row of nothing stays."""
    if norm is None:
        return counts
    size = counts.unary("Abs") if norm == "l1" else counts * counts
    length = size.reduce("ReduceSum")
    length = length if norm == "l1" else length.unary("Sqrt")
    return counts / length.equals(0.0).where(np.float64(1.0), length)


def tfidf(e: Exporter, model: Any, x: Columns) -> Columns:
    """Weights for counts that come as numbers."""
    found = occurrences_of(x.numbers())
    if found is None:
        return columns(weighted(model, x.numbers()), x.width)
    idf = found.of_column(model.idf_) if model.use_idf else None
    amounts = replace(found, amounts=weighted(model, found.amounts, idf))
    return columns(as_columns(amounts, e.graph.forbidden(x.numbers())), x.width)


TRANSFORMS.update({text.CountVectorizer: vectorizer, text.TfidfVectorizer: vectorizer, text.TfidfTransformer: tfidf})
