"""Exports text vectorizers without a vocabulary: the MurmurHash3 of a token, by ONNX Runtime's operator, is its column.

Knows nothing of dictionaries.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.feature_extraction import text

from convert.errors import Refused
from convert.exporters.parts.ngrams import counted
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.exporters.text import PADDING, check_tokens, kept_pattern, tokenised
from convert.graph.columns import Columns, columns
from convert.graph.graph import MICROSOFT, Tensor

NOWHERE = -1
MOST_COLUMNS = 1 << 12  # a row is as wide as there are columns, and 10,000 rows are compared at once


def hashed(e: Exporter, model: Any, x: Columns) -> Columns:
    """How often each column's tokens occur, those of a negative hash counted downwards: [rows, n_features]."""
    _check(model)
    tokens = tokenised(model, x.text().reshape(-1))
    hashes = e.graph.op("MurmurHash3", tokens, dtype=np.int32, domain=MICROSOFT, positive=0, seed=0).cast(np.int64)
    column = _remainder(hashes.unary("Abs"), model.n_features)
    negative, none, nowhere = hashes < 0, _is_none(model, tokens), np.int64(NOWHERE)
    sides = [none.where(nowhere, side.where(column, nowhere)) for side in (~negative, negative)]
    ups, downs = (_counts(ids, model.n_features) for ids in sides)
    counts = ups - downs if model.alternate_sign else ups + downs
    if model.binary:
        counts = (ups + downs > 0.0).cast(np.float64)
    return columns(_of_one_length(counts, model.norm), model.n_features)


def _check(model: Any) -> None:
    check_tokens(model)
    if model.analyzer != "word" or model.strip_accents is not None or tuple(model.ngram_range) != (1, 1):
        raise Refused(
            "of hashed texts only single words as they stand are exported",
            "use analyzer='word', ngram_range=(1, 1) and strip_accents=None, or a TfidfVectorizer",
        )
    if model.n_features > MOST_COLUMNS:
        raise Refused(
            f"n_features={model.n_features:,} makes a row of as many numbers, and a file holds every one",
            f"fit with n_features={MOST_COLUMNS} or fewer, or a TfidfVectorizer with max_features",
        )


def _remainder(size: Tensor, by: int) -> Tensor:
    return size - (size / np.int64(by)) * np.int64(by)


def _is_none(model: Any, tokens: Tensor) -> Tensor:
    """[rows, longest]: whether this is no token: padding, a stop word, or a part of a word that no token is."""
    stops = model.get_stop_words() or frozenset()
    none = tokens.coded(dict.fromkeys((PADDING, *sorted(stops)), 1), 0).equals(1)
    kept = kept_pattern(model)
    if kept is None:
        return none
    return none | ~tokens.graph.op("RegexFullMatch", tokens, dtype=np.bool_, pattern=kept)


def _counts(ids: Tensor, width: int) -> Tensor:
    return counted(ids, {column: [column] for column in range(width)}, width).cast(np.float64)


def _of_one_length(counts: Tensor, norm: str | None) -> Tensor:
    if norm is None:
        return counts
    size = counts.unary("Abs") if norm == "l1" else counts * counts
    length = size.reduce("ReduceSum")
    length = length if norm == "l1" else length.unary("Sqrt")
    return counts / length.equals(0.0).where(np.float64(1.0), length)


TRANSFORMS.update({text.HashingVectorizer: hashed})
