"""Owns words for models that hash theirs into very many columns: such as fall where the model has a weight.

Of a million columns a model knows the few that its training texts fell into, and an invented word hardly ever falls
there: rows of such words would all have one answer. Knows nothing of rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer

from convert.graph.graph import Array
from convert.inside import inside
from convert.original.hints.wordlist import CONSONANTS, VOWELS

WIDE = 1 << 12  # columns; in fewer, invented words fall everywhere
MOST_WORDS = 700


def words_with_weight(model: Any, vectorizer: HashingVectorizer) -> list[str]:
    """Invented words whose columns of ``vectorizer`` have weights in ``model``, the heaviest first."""
    width = vectorizer.n_features
    found = [_sizes(part, width) for part in _parts(model)]
    sizes = [size for size in found if size is not None]
    if width <= WIDE or not sizes:
        return []
    words = _many()
    hasher = FeatureHasher(width, input_type="string", alternate_sign=False)
    at = hasher.transform([[word] for word in words]).indices
    size = np.max(sizes, axis=0)[at]
    order = np.argsort(-size, kind="stable")[:MOST_WORDS]
    return [words[place] for place in order if size[place] > 0]


def _many() -> list[str]:
    """Words of three syllables, 343,000 of them."""
    syllables = ["".join(pair) for pair in itertools.product(CONSONANTS, VOWELS)]
    return ["".join(three) for three in itertools.product(syllables, repeat=3)]


def _parts(model: Any) -> Iterator[Any]:
    yield model
    for part in inside(model):
        yield from _parts(part.estimator)


def _sizes(part: Any, width: int) -> Array | None:
    """How much weight each column has in a linear model; None where this is none, or reads others."""
    coefficients = getattr(part, "coef_", None)
    if coefficients is None:
        return None
    dense = np.asarray(coefficients.toarray() if hasattr(coefficients, "toarray") else coefficients)
    return np.abs(dense).reshape(-1, width).max(axis=0) if dense.shape[-1:] == (width,) else None
