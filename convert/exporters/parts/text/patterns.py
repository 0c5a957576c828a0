"""Owns which of Python's token patterns ONNX Runtime can follow, and in which words. Knows nothing of vocabularies.

RE2, which ONNX Runtime asks, knows ``\\w``, ``\\s`` and ``\\b`` of ASCII alone, so they are spelled out here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LETTERS, DIGITS = r"\p{L}\p{Nl}\p{No}", r"\p{Nd}"
WORD = r"[\p{L}\p{N}_]"  # what Python calls \w
SPACES = (  # what Python calls \s
    r"\x{09}-\x{0d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}"
    r"\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
CLASSES = {  # of a letter of words, unless it says otherwise
    r"\w": WORD,
    r"\d": f"[{DIGITS}]",
    r"[^\W\d_]": f"[{LETTERS}]",
    r"[^\d\W_]": f"[{LETTERS}]",
    r"[^\W_]": r"[\p{L}\p{N}]",
    r"[^\W\d]": f"[{LETTERS}_]",
    r"[^\d\W]": f"[{LETTERS}_]",
}
NO_SPACE = dict.fromkeys((r"\S", r"[^\s]", r"[^ \t\n\r\f\v]"), f"[^{SPACES}]")
SIMPLE = re.compile(r"(?:\(\?u\))?(\\b)?((?:\\[wdS]|\[[^\]]+\])+)(\+|\{\d+,\}|)(\\b)?")
ATOM = re.compile(r"\\[wdS]|\[[^\]]+\]")
ASCII_CLASS = re.compile(r"\[[A-Za-z0-9_\-]+\]")
PLAIN = re.compile(r"(\[[A-Za-z0-9_\-]+\](\+|\{\d+,\d*\})?)+")  # ranges of ASCII mean the same to both


WITHOUT = re.compile(r"\[\^[ A-Za-z0-9,;:|/_.]+-?\]\+")  # any letters but some of ASCII mean the same, too


@dataclass(frozen=True, slots=True)
class Tokens:
    """What ONNX Runtime is to look for, ``shortest`` characters at least.

    ``kept``: of what it finds only what this matches as a whole is a token; None: all of it is.
    """

    expression: str
    shortest: int
    kept: str | None = None

    @property
    def are_words(self) -> bool:
        """Whether a token is all letters that Python has for words, up to the next that is none."""
        return self.expression.startswith(WORD) and self.kept is None


def tokens_of(pattern: str) -> Tokens | None:
    """In RE2's words; None for a pattern that may mean something else there."""
    if WITHOUT.fullmatch(pattern):
        return Tokens(pattern, 1)
    found = SIMPLE.fullmatch(pattern)
    atoms = ATOM.findall(found[2]) if found else []
    if not found or not found[3] or len(set(atoms)) != 1 or bool(found[1]) != bool(found[4]):
        return Tokens(pattern, 1) if PLAIN.fullmatch(pattern) else None
    least = len(atoms) - 1 + (1 if found[3] == "+" else int(found[3][1:-2]))
    if least < 1 or (len(atoms) > 1 and found[3] != "+"):
        return None
    return _spelled(atoms[0], least, bool(found[1]))


def _spelled(atom: str, least: int, bounded: bool) -> Tokens | None:
    many = f"{{{least},}}"
    if atom in NO_SPACE:
        return None if bounded else Tokens(NO_SPACE[atom] + many, least)
    spelled = CLASSES.get(atom) or (atom if _is_of_words(atom) else None)
    if spelled is None:
        return Tokens(atom + many, least) if not bounded and PLAIN.fullmatch(atom) else None
    if not bounded or spelled == WORD:
        return Tokens(spelled + many, least)
    return Tokens(f"{WORD}+", 1, spelled + many)  # between two \b stands a whole word


def _is_of_words(atom: str) -> bool:
    """Whether a class of ASCII holds letters of words alone: 0-z holds others, too."""
    if not ASCII_CLASS.fullmatch(atom):
        return False
    try:
        members = [c for c in map(chr, range(128)) if re.fullmatch(atom, c)]
    except re.error:
        return False
    return all(c.isalnum() or c == "_" for c in members)
