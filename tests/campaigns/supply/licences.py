"""Owns the page of licences: from the metadata of installed packages to text. Knows what a dyno may run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata

from tests.campaigns.supply.lock import Pin

# What a dyno may run: anyone may use and pass these on, changed or not.
PERMISSIVE = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT", "MIT-0", "PSF-2.0", "Zlib"}
)
# Whoever changes a file of the package must publish that file. We change none.
FILE_BY_FILE = {"orjson": "MPL-2.0"}
# Whose metadata says nothing, by the text of its LICENSE.
BY_TEXT = {"pysimdjson": "MIT"}
# Words of older metadata, as SPDX has them.
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License v2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "Python Software Foundation License": "PSF-2.0",
}
HEAD = """\
# Licences

Written by `make licences` from the metadata of what is installed. dynonnx itself is MIT. A dyno runs packages of
permissive licences alone; the one exception, orjson's MPL-2.0, asks that changes of its own files be published, and we
change none. A test holds this. The page's typeface, Hanken Grotesk, is under the SIL Open Font License 1.1, which lies
beside it in server/asgi/pages/.

| package | version | licence | for |
| --- | --- | --- | --- |
"""


def page(lists: Mapping[str, Mapping[str, Pin]]) -> str:
    """The whole page, for pins by what they are for. Packages that are not installed are left out."""
    lines = []
    for use, pins in lists.items():
        for name in pins:
            if (licence := licence_of(name)) is not None:
                lines.append(f"| {name} | {pins[name].version} | {licence} | {use} |")
    return HEAD + "\n".join(lines) + "\n"


def licence_of(name: str) -> str | None:
    """The licence of an installed package in SPDX's words; None where it is not installed."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return None
    fields = {field: told.get_all(field) or [] for field in ("License-Expression", "License", "Classifier")}
    return BY_TEXT.get(name, "unknown") if (found := licence(fields)) == "unknown" else found


def licence(fields: Mapping[str, Sequence[str]]) -> str:
    """What metadata says: the expression, else the short text, else the classifiers; "unknown" without any."""
    for expression in fields["License-Expression"]:
        return expression
    for text in fields["License"]:
        if "\n" not in text and len(text) < 40:
            return SPDX.get(text, text)
    words = [line.split(" :: ")[-1] for line in fields["Classifier"] if line.startswith("License ::")]
    return " OR ".join(SPDX.get(word, word) for word in words) or "unknown"


def not_permitted(name: str, expression: str) -> Sequence[str]:
    """The licences in an expression that no dyno may run; of alternatives one is enough."""
    allowed = PERMISSIVE | {FILE_BY_FILE.get(name, "")}
    parts = re.split(r"\s+AND\s+(?![^(]*\))", expression)
    return [part for part in parts if not _any_allowed(part.strip("()").split(" OR "), allowed)]


def _any_allowed(alternatives: Iterable[str], allowed: frozenset[str]) -> bool:
    return any(alternative.strip() in allowed for alternative in alternatives)
