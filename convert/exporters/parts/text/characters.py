"""Exports text vectorizers that look at characters, or take accents off: every character by itself, exactly as Python
folds it. Knows nothing of weights.

A text becomes its characters, each the codes of what `lower` and `strip_accents` make of it; then come the vectorizer's
own rules for spaces, words and n-grams, over codes.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from convert.exporters.parts.text.ngrams import counted, without
from convert.graph.graph import MICROSOFT, Tensor

PADDING = "\ufdd1"  # stands behind the last character of a short text; a noncharacter
OTHER, LETTER, GONE, EDGE = -1, -2, -3, -4  # unknown; unknown, but of a word; not there; before and behind a word
SPACES = [" ", *(c for c in map(chr, range(1 << 16)) if c.isspace() and c != " ")]  # beyond there is none, by test
STRANGE = "\U000e0fff"  # assigned to nothing
BLOCK = 256  # characters that are folded at once
UNUSED = ("Cn", "Co", "Cs")  # no characters: nothing folds to them or from them

Codes = Mapping[str, int]


def characters(model: Any, words: Tensor, vocabulary: Mapping[str, int]) -> Tensor:
    """Counts of analyzer='char': n-grams of characters; several spaces in a row are one."""
    codes = _alphabet([*SPACES, *"".join(vocabulary)])
    ids = _read(model, words, codes, OTHER)
    space, before, after = _neighbours(ids, lambda x: (x >= 0) & (x < len(SPACES)))
    ids = (space & before).where(np.int64(GONE), (space & after).where(np.int64(codes[" "]), ids))
    least, most = model.ngram_range
    grams = {column: [codes[c] for c in term] for term, column in vocabulary.items() if least <= len(term) <= most}
    return counted(without(ids, GONE), grams, len(vocabulary))


def characters_in_words(model: Any, words: Tensor, vocabulary: Mapping[str, int]) -> Tensor:
    """Counts of analyzer='char_wb': n-grams of each word between two spaces of its own; a short word is one itself."""
    codes = _alphabet([*SPACES, *"".join(vocabulary)])
    ids = _read(model, words, codes, OTHER, padding=codes[" "])
    space, before, after = _neighbours(ids, lambda x: (x >= 0) & (x < len(SPACES)), outside=True)
    blank = np.int64(codes[" "])
    parts = [
        (~space & before).where(blank, np.int64(GONE)),
        space.where(np.int64(GONE), ids),
        (~space & after).where(blank, np.int64(GONE)),
        (~space & after).where(np.int64(EDGE), np.int64(GONE)),
    ]
    least, most = model.ngram_range
    grams = {
        column: [codes[c] for c in term]
        for term, column in vocabulary.items()
        if least <= len(term) <= most or (len(term) < least and term == f" {term.strip()} ")
    }
    return counted(without(_interleaved(parts), GONE), grams, len(vocabulary))


def words_without_accents(model: Any, words: Tensor, vocabulary: Mapping[str, int], shortest: int) -> Tensor:
    """Counts of analyzer='word' with strip_accents: a word is its letters between two edges."""
    codes = _alphabet("".join(vocabulary).replace(" ", ""))
    ids = _read(model, words, codes, LETTER)
    letter, before, after = _neighbours(ids, lambda x: (x >= 0) | x.equals(LETTER))
    if shortest > 1:
        ids = (letter & (before | after)).where(ids, np.int64(OTHER))
        letter, before, after = _neighbours(ids, lambda x: (x >= 0) | x.equals(LETTER))
    edge, gone = np.int64(EDGE), np.int64(GONE)
    parts = [(letter & ~before).where(edge, gone), letter.where(ids, gone), (letter & ~after).where(edge, gone)]
    least, most = model.ngram_range
    stops = model.get_stop_words() or frozenset()
    grams = {
        column: [code for word in term.split(" ") for code in (EDGE, *(codes[c] for c in word), EDGE)]
        for term, column in vocabulary.items()
        if least <= len(term.split(" ")) <= most and not stops.intersection(term.split(" "))
    }
    return counted(without(_interleaved(parts), GONE), grams, len(vocabulary))


def _alphabet(known: Any) -> dict[str, int]:
    return {c: code for code, c in enumerate(dict.fromkeys(known))}


def _read(model: Any, words: Tensor, codes: Codes, unknown: int, padding: int = OTHER) -> Tensor:
    """[rows, longest] codes of the folded texts, `GONE` ones moved behind; at least one column of ``padding``."""
    graph = words.graph
    split = {"mark": 0, "mincharnum": 1, "pad_value": PADDING, "separators": [""]}
    chars = graph.op("Tokenizer", words, domain=MICROSOFT, **split)
    fold = model.build_preprocessor()
    ascii_only = not fold(STRANGE)  # strip_accents="ascii": what has no ASCII form is gone
    table: list[tuple[int, ...]] = [(GONE,) if ascii_only else (OTHER,), (LETTER,), (padding,)]
    rows = {PADDING: 2}
    for c, folded in _folded(fold, codes, unknown, ascii_only).items():
        rows[c] = len(table)
        table.append(folded)
    index = chars.coded(rows, 0)
    if unknown == LETTER and not ascii_only:
        letters = graph.op("RegexFullMatch", chars, dtype=np.bool_, pattern=r"[\p{L}\p{N}_]")
        index = index.equals(0).where(letters.cast(np.int64), index)
    last = graph.zeros(words).cast(np.int64) + 2
    longest = max(map(len, table))
    filled = np.array([[*folded, *[GONE] * (longest - len(folded))] for folded in table], _smallest(len(codes)))
    ids = graph.op("Gather", graph.constant(filled), graph.concat([index, last]), axis=0).reshape(0, -1).cast(np.int64)
    if (filled == GONE).any():
        ids = without(ids, GONE)
        ids = ids.equals(GONE).where(np.int64(padding), ids)
    return ids


def _smallest(codes: int) -> type[np.signedinteger[Any]]:
    return np.int16 if codes <= np.iinfo(np.int16).max else np.int32


def _folded(fold: Callable[[str], str], codes: Codes, unknown: int, ascii_only: bool) -> dict[str, tuple[int, ...]]:
    """The codes of every character that is not what a character is that nothing is known of."""
    folded = {}
    for c in _folding(fold, codes, ascii_only):
        parts = fold(c)
        if parts == c and c not in codes and not ascii_only:
            continue
        whole = _short(tuple(_code(part, codes, unknown) for part in parts))
        if whole != (() if ascii_only else (_code(c, {}, unknown),)):
            folded[c] = whole
    return folded


def _folding(fold: Callable[[str], str], codes: Codes, ascii_only: bool) -> Iterator[str]:
    """Characters among which are all but those that fold as one that nothing is known of does, found by blocks."""
    for block, used in _used():
        if fold(block) != ("" if ascii_only else block):
            yield from (c for c in used if c not in codes)
    yield from codes


@functools.cache
def _used() -> list[tuple[str, str]]:
    """Blocks of characters, and of each those that are characters."""
    blocks = ["".join(map(chr, range(start, start + BLOCK))) for start in range(0, sys.maxunicode + 1, BLOCK)]
    used = (("".join(c for c in block if unicodedata.category(c) not in UNUSED)) for block in blocks)
    return [(block, some) for block, some in zip(blocks, used, strict=True) if some]


def _code(c: str, codes: Codes, unknown: int) -> int:
    return codes[c] if c in codes else unknown if unknown == OTHER or c.isalnum() or c == "_" else OTHER


def _short(whole: tuple[int, ...]) -> tuple[int, ...]:
    """Unknown characters in a row are as good as one; two letters, as a letter alone may be no word."""
    if len(whole) == 1:
        return whole
    most = {OTHER: 1, LETTER: 2}
    kept: list[int] = []
    for code in whole:
        count = most.get(code, len(whole))
        if kept[-count:] != [code] * count:
            kept.append(code)
    return tuple(kept)


def _neighbours(ids: Tensor, holds: Callable[[Tensor], Tensor], outside: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Of each place, whether ``holds`` there, at the place before and at the one behind; ``outside`` of the row."""
    graph = ids.graph
    here = holds(ids)
    beyond = graph.zeros(ids).equals(0.0 if outside else 1.0)
    forwards, backwards = graph.constant(np.array([1])), graph.constant(np.array([-1]))
    before = graph.concat([beyond, graph.op("Slice", here, graph.constant(np.array([0])), backwards, forwards)])
    after = graph.concat([graph.op("Slice", here, forwards, graph.constant(np.array([2**62])), forwards), beyond])
    return here, before, after


def _interleaved(parts: list[Tensor]) -> Tensor:
    """[rows, places] several times as [rows, places * parts]: what belongs to a place stays together."""
    graph = parts[0].graph
    last = graph.constant(np.array([2]))
    return graph.concat([graph.op("Unsqueeze", part, last) for part in parts], axis=2).reshape(0, -1)
