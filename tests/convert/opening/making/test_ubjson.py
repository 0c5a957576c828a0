"""UBJSON as XGBoost writes it: every value comes back, and what is unusual is refused before anybody believes it."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from convert.errors import Refused
from convert.opening.making.ubjson import DEEPEST, read_ubjson


def text(value: str, mark: bytes = b"S") -> bytes:
    return mark + b"L" + struct.pack(">q", len(value.encode())) + value.encode()


def test_every_kind_of_value_comes_back() -> None:
    inner = b"[i\xffU\xffI\xff\xfel" + struct.pack(">i", -3) + b"L" + struct.pack(">q", 1 << 40) + b"TFZ]"
    numbers = b"[$d#Ui".replace(b"Ui", b"U\x02") + struct.pack(">2f", 0.5, -1.0)
    plain = b"[#U\x02" + text("é") + b"D" + struct.pack(">d", 0.25)
    document = b"{" + text("a", b"") + inner + text("b", b"") + numbers + text("c", b"") + plain + b"}"
    read = read_ubjson(document)
    assert read["a"] == [-1, 255, -2, -3, 1 << 40, True, False, None]
    np.testing.assert_array_equal(read["b"], [0.5, -1.0])
    assert read["c"] == ["é", 0.25]


BROKEN: tuple[tuple[bytes, str], ...] = (
    (b"", "cut short"),
    (b"{", "cut short"),
    (b"[$U#d" + struct.pack(">f", 1.5) + b"x", "length of type"),
    (b"[#D" + struct.pack(">d", float("nan")), "length of type"),
    (b"{T", "length of type"),
    (b"{}x", "does not end where it says"),
    (b"x", "unknown type"),
    (b"[$S#U\x01", "unknown type"),
    (b"[$d]", "no length"),
    (b"[$d#L" + struct.pack(">q", 1 << 62), "cut short"),
    (b"[$d#L" + struct.pack(">q", -1), "cut short"),
    (b"[#L" + struct.pack(">q", 1 << 40), "cut short"),
    (b"SL" + struct.pack(">q", -4) + b"abcd", "cut short"),
    (b"SU\x01\xff", "is broken"),
    (b"{" + (text("a", b"") + b"T") * 2 + b"}", "'a' twice"),
    (b"[" * (DEEPEST + 1), "nests deeper"),
    (b"[" * 100_000, "nests deeper"),
)


@pytest.mark.parametrize(("data", "why"), BROKEN)
def test_what_is_unusual_is_refused(data: bytes, why: Any) -> None:
    with pytest.raises(Refused, match=why):
        read_ubjson(data)
