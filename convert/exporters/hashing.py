"""Exports text vectorizers without a vocabulary: the MurmurHash3 of a token, by ONNX Runtime's operator, is its column.

Knows nothing of dictionaries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.feature_extraction import FeatureHasher, text
from sklearn.utils import murmurhash3_32

from convert.errors import Refused
from convert.exporters.parts.text.distinct import distinct
from convert.exporters.parts.text.ngrams import counted
from convert.exporters.parts.text.occurrences import as_columns
from convert.exporters.parts.text.own_tokens import understood
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.exporters.text import PADDING, check_tokens, kept_pattern, length_of, of_one_length, tokenised
from convert.graph.columns import Columns, columns
from convert.graph.graph import MICROSOFT, Tensor
from server.artefact.metadata import MISSING_TEXT

NOWHERE = -1
MOST_COLUMNS = 1 << 12  # rows are as wide as there are columns; of wider ones there is only what occurs in them


def hashed(e: Exporter, model: Any, x: Columns) -> Columns:
    """How often each column's tokens occur, those of a negative hash counted downwards: [rows, n_features]."""
    model = understood(model)
    _check(model)
    tokens = tokenised(model, x.text().reshape(-1))
    hashes = _hashes(tokens)
    column = _remainder(hashes.unary("Abs"), model.n_features)
    negative, none, nowhere = hashes < 0, _is_none(model, tokens), np.int64(NOWHERE)
    if model.n_features > MOST_COLUMNS:
        return columns(_as_occurrences(model, column, negative, none), model.n_features)
    sides = [none.where(nowhere, side.where(column, nowhere)) for side in (~negative, negative)]
    ups, downs = (_counts(ids, model.n_features) for ids in sides)
    counts = ups - downs if model.alternate_sign else ups + downs
    if model.binary:
        counts = (ups + downs > 0.0).cast(np.float64)
    return columns(of_one_length(counts, model.norm), model.n_features)


def hashed_records(e: Exporter, model: Any, x: Columns) -> Columns:
    """Numbers at the column of their name, one for each text at that of ``name=text``; what is missing is nowhere."""
    entries = [_entry(model, name, x.take([at])) for at, name in enumerate(e.names)]
    at, amounts = (e.graph.concat([entry[part] for entry in entries]) for part in (0, 1))
    found = distinct(at, model.n_features, amounts)
    wide = too_wide(model, "a DictVectorizer") if model.n_features > MOST_COLUMNS else None
    return columns(as_columns(found, wide), model.n_features)


def _entry(model: Any, name: str, x: Columns) -> tuple[Tensor, Tensor]:
    """[rows, 1] the column and the amount of one name; ``n_features`` is no column."""
    if x.is_text():
        hashes = _hashes(x.graph.op("StringConcat", x.graph.constant(np.array([[f"{name}="]], object)), x.text()))
        gone = x.text().coded({MISSING_TEXT: 1}, 0).equals(1)
        at = gone.where(np.int64(model.n_features), _remainder(hashes.unary("Abs"), model.n_features))
        return at, gone.where(np.float64(0.0), _signs(model, hashes < 0))
    number, own = x.numbers(), int(murmurhash3_32(name))
    amount = number.is_nan().where(np.float64(0.0), number) * (-1.0 if model.alternate_sign and own < 0 else 1.0)
    return x.graph.zeros(number).cast(np.int64) + abs(own) % model.n_features, amount


def _hashes(texts: Tensor) -> Tensor:
    hashes = texts.graph.op("MurmurHash3", texts, dtype=np.int32, domain=MICROSOFT, positive=0, seed=0)
    return hashes.cast(np.int64)


def _signs(model: Any, negative: Tensor) -> Tensor:
    return 1.0 - 2.0 * (negative.cast(np.float64) * float(model.alternate_sign))


def _check(model: Any) -> None:
    check_tokens(model)
    if model.analyzer != "word" or model.strip_accents is not None or tuple(model.ngram_range) != (1, 1):
        raise Refused(
            "of hashed texts only single words as they stand are exported",
            "use analyzer='word', ngram_range=(1, 1) and strip_accents=None, or a TfidfVectorizer",
        )


def _as_occurrences(model: Any, column: Tensor, negative: Tensor, none: Tensor) -> Tensor:
    """Rows of so many columns, for readers that take them by what occurs; all others are refused."""
    sign = _signs(model, negative)
    codes, amounts = none.where(np.int64(model.n_features), column), none.where(np.float64(0.0), sign)
    found = distinct(codes, model.n_features, amounts)
    found = replace(found, amounts=found.there) if model.binary else found
    return as_columns(
        replace(found, length=length_of(found.amounts, model.norm)),
        too_wide(model, "a TfidfVectorizer with max_features"),
    )


def too_wide(model: Any, other: str) -> Refused:
    """Why a reader that needs every column of so wide a row is refused; ``other``: who makes narrower ones."""
    return Refused(
        f"n_features={model.n_features:,}: rows of as many numbers, and only a linear model right behind takes what is"
        " in them",
        f"fit with n_features={MOST_COLUMNS} or fewer, or {other}",
        type(model).__name__,
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


TRANSFORMS.update({text.HashingVectorizer: hashed, FeatureHasher: hashed_records})
