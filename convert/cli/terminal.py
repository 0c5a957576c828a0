"""Owns what may reach a terminal: text that says what it shows. Pure. Knows nothing of what is said.

Names, errors and drawings come out of strangers' files. Control characters, escape sequences, marks that turn the
direction of writing, and whatever else is invisible become escapes that a person sees.
"""

from __future__ import annotations

import json


def visible(text: str) -> str:
    """Text of several lines."""
    return _escaped(text, keep="\n")


def on_one_line(text: str) -> str:
    """A name, or what else must not end the line it stands in."""
    return _escaped(text, keep="")


def visible_json(text: str) -> str:
    """A JSON document, which stays the same document."""
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)


def _escaped(text: str, keep: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else ascii(character)[1:-1] for character in text
    )
