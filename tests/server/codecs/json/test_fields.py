"""Fields: a class is the text of its JSON value where it is a key."""

from __future__ import annotations

import pytest

from server.artefact.metadata import Scalar
from server.codecs.json.fields import class_key


@pytest.mark.parametrize(
    ("label", "key"),
    [("a", b'"a"'), ('a"', b'"a\\""'), (0, b'"0"'), (True, b'"true"'), (1.0, b'"1.0"'), (None, b'"null"')],
)
def test_class_key(label: Scalar, key: bytes) -> None:
    assert class_key(label) == key
