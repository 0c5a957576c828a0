"""Exports text vectorizers: tokens by ONNX Runtime's own tokenizer, dictionary, n-grams, weights in double."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.feature_extraction import text

from convert.errors import Refused
from convert.exporters.parts.text import characters
from convert.exporters.parts.text.distinct import distinct
from convert.exporters.parts.text.ngrams import counted, numbered, without
from convert.exporters.parts.text.occurrences import Occurrences, as_columns, note, occurrences_of
from convert.exporters.parts.text.own_preprocessor import read
from convert.exporters.parts.text.patterns import tokens_of
from convert.exporters.parts.text.weighted import weighted_rows
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import MICROSOFT, Tensor

UNKNOWN = -1
STOPPED = -2
MANY = 2048  # columns; of fewer, rows of all of them cost less than to find out which occur
PADDING = "\ufdd1"  # stands behind the last token of a short text; a noncharacter, so it is no token itself


def vectorizer(e: Exporter, model: Any, x: Columns) -> Columns:
    """Counts of the vocabulary's n-grams, weighted where it is a TfidfVectorizer: [rows, vocabulary]."""
    model, documents = read(model, x.text().reshape(-1), e.record_texts)
    _check(model)
    vocabulary = {str(term): int(column) for term, column in model.vocabulary_.items()}
    found = _occurring(model, documents, vocabulary)
    counts = _counts(model, documents, vocabulary).cast(np.float64)
    counts = (counts > 0.0).cast(np.float64) if model.binary else _as_counted(counts, np.dtype(model.dtype))
    if isinstance(model, text.TfidfVectorizer):
        counts = weighted(model._tfidf, counts)
        found = found and weighted_occurrences(model._tfidf, found)
    if found is not None:
        note(counts, found)
    return columns(counts, len(vocabulary))


def _occurring(model: Any, documents: Tensor, vocabulary: dict[str, int]) -> Occurrences | None:
    """What occurs in a text, for a linear model right behind; None where that is not worth it."""
    if len(vocabulary) < MANY or model.analyzer != "word" or model.strip_accents is not None:
        return None
    words, width = _Words.of(model, vocabulary), len(vocabulary)
    if not words.grams:
        return None
    if model.ngram_range[1] == 1:
        columns_of = {word: vocabulary[word] for word in words.codes if word in vocabulary}
        at = tokenised(model, documents).coded(columns_of, width)
    else:
        at = numbered(_ids(documents, model, words), words.grams, words.count, width)
    found = distinct(at, width)
    return replace(found, amounts=found.there if model.binary else _as_counted(found.amounts, np.dtype(model.dtype)))


def _as_counted(counts: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """As a small dtype holds them, in which they begin again from below behind the largest."""
    if dtype.kind == "b":
        return (counts > 0.0).cast(np.float64)
    if dtype.kind not in "iu" or dtype.itemsize > 2:  # of others no text is long enough
        return counts
    least, size = float(np.iinfo(dtype).min), 256.0**dtype.itemsize
    return counts - ((counts - least) / size).unary("Floor") * size


def _counts(model: Any, documents: Tensor, vocabulary: dict[str, int]) -> Tensor:
    if model.analyzer == "char":
        return characters.characters(model, documents, vocabulary)
    if model.analyzer == "char_wb":
        return characters.characters_in_words(model, documents, vocabulary)
    if model.strip_accents is not None:
        tokens = tokens_of(model.token_pattern)
        return characters.words_without_accents(model, documents, vocabulary, tokens.shortest if tokens else 1)
    words = _Words.of(model, vocabulary)
    return counted(_ids(documents, model, words), words.grams, len(vocabulary))


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


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a vocabulary by their codes, below ``count``, and its n-grams as codes by column."""

    codes: dict[str, int]
    count: int
    grams: Mapping[int, Sequence[int]]

    @classmethod
    def of(cls, model: Any, vocabulary: Mapping[str, int]) -> _Words:
        least, most = model.ngram_range
        terms = {column: term.split(" ") for term, column in vocabulary.items()}
        stops = model.get_stop_words() or frozenset()
        every = {word for words in terms.values() for word in words} - set(stops)
        known = sorted(word for word in every if _is_token(model, word))
        codes = {word: code for code, word in enumerate(known)}
        grams = {
            column: [codes[word] for word in words]
            for column, words in terms.items()
            if least <= len(words) <= most and codes.keys() >= set(words)
        }
        return cls(codes, len(known), grams)


def _is_token(model: Any, word: str) -> bool:
    """Whether a word may be found at all: a vocabulary of a person's own may hold others."""
    return bool(re.findall(model.token_pattern, word) == [word])


def _ids(documents: Tensor, model: Any, words: _Words) -> Tensor:
    """[rows, longest]: the codes of the words of a text, others `UNKNOWN`; stop words are taken out."""
    tokens, stops = tokenised(model, documents), sorted(model.get_stop_words() or ())
    kept = kept_pattern(model)
    if model.ngram_range[1] == 1 or not (stops or kept):  # one word alone is not in the vocabulary anyway
        return tokens.coded(words.codes, UNKNOWN)
    ids = tokens.coded(words.codes | dict.fromkeys((*stops, PADDING), STOPPED), UNKNOWN)
    if kept:
        whole = tokens.graph.op("RegexFullMatch", tokens, dtype=np.bool_, pattern=kept)
        ids = whole.where(ids, np.int64(STOPPED))
    return without(ids, STOPPED)


def weighted(model: Any, counts: Tensor) -> Tensor:
    """What a TfidfTransformer makes of counts."""
    if model.sublinear_tf:
        there = counts > 0.0
        counts = there.where(there.where(counts, np.float64(1.0)).unary("Log") + 1.0, counts)
    if not model.use_idf:
        return of_one_length(counts, model.norm)
    if model.norm is None:
        return counts * np.asarray(model.idf_)
    return weighted_rows(counts, np.asarray(model.idf_), model.norm)


def weighted_occurrences(model: Any, found: Occurrences) -> Occurrences:
    """What a TfidfTransformer makes of counts, each of a column that occurs."""
    amounts = found.shares
    if model.sublinear_tf:
        there = amounts > 0.0
        amounts = there.where(there.where(amounts, np.float64(1.0)).unary("Log") + 1.0, amounts)
    if model.use_idf:
        amounts = amounts * found.of_column(model.idf_)
    return replace(found, amounts=amounts, length=length_of(amounts, model.norm))


def of_one_length(counts: Tensor, norm: str | None) -> Tensor:
    """Rows divided by their length; a row of nothing stays."""
    length = length_of(counts, norm)
    return counts if length is None else counts / length


def length_of(counts: Tensor, norm: str | None) -> Tensor | None:
    """[rows, 1]: what rows of such a norm are divided by; 1 for a row of nothing, None without a norm."""
    if norm is None:
        return None
    size = counts.unary("Abs") if norm == "l1" else counts * counts
    length = size.reduce("ReduceSum")
    length = length if norm == "l1" else length.unary("Sqrt")
    return length.equals(0.0).where(np.float64(1.0), length)


def tfidf(e: Exporter, model: Any, x: Columns) -> Columns:
    """Weights for counts that come as numbers."""
    found = occurrences_of(x.numbers())
    if found is None:
        return columns(weighted(model, x.numbers()), x.width)
    found, refusal = weighted_occurrences(model, found), e.graph.forbidden(x.numbers())
    if refusal is not None:
        return columns(as_columns(found, refusal), x.width)
    whole = weighted(model, x.numbers())
    note(whole, found)
    return columns(whole, x.width)


TRANSFORMS.update({text.CountVectorizer: vectorizer, text.TfidfVectorizer: vectorizer, text.TfidfTransformer: tfidf})
