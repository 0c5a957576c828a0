"""Owns words for texts of models that know none, as those that hash every word. Pure; knows no models."""

from __future__ import annotations

import itertools

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
STEP = 7  # of all words of two syllables so many are left out for each that stands here, over all beginnings


def invented() -> list[str]:
    """700 words of two syllables, always the same."""
    syllables = [first + second for first, second in itertools.product(CONSONANTS, VOWELS)]
    return [first + second for first, second in itertools.product(syllables, syllables)][::STEP]
