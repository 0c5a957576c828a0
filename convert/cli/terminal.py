"""Owns what may reach a terminal: text that says what it shows. Pure. Knows nothing of what is said.

Names, errors and drawings come out of strangers' files. Control characters, escape sequences, marks that turn the
direction of writing, and whatever else is invisible become escapes that a person sees.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

HERE = "python -m convert"  # as what is said has it


def visible(text: str) -> str:
    """Text of several lines."""
    return _escaped(text, keep="\n")


def on_one_line(text: str) -> str:
    """A name, or what else must not end the line it stands in."""
    return _escaped(text, keep="")


def visible_json(text: str) -> str:
    """A JSON document, which stays the same document."""
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)


def as_started(text: str, words: Sequence[str]) -> str:
    """Text whose commands begin as this one did, so that they run where it ran.

    ``words``: of this one, its interpreter first (sys.orig_argv).
    """
    at = words.index("-m") if "-m" in words else len(words)
    module = next(iter(words[at + 1 :]), "")
    if module in ("convert", "dynonnx"):
        return text.replace(HERE, f"{words[0]} -m {module}{' convert' * (module != 'convert')}")
    if any(Path(word).name == "dynonnx" for word in words[1:2]):
        return text.replace(HERE, "dynonnx convert")
    return text


def _escaped(text: str, keep: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else ascii(character)[1:-1] for character in text
    )
