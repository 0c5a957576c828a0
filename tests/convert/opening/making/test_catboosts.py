"""CatBoost's bytes are read before CatBoost believes them: whatever points outside is refused."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convert.errors import Refused
from convert.opening.making import catboosts
from convert.opening.making.catboosts import check_catboost
from convert.opening.opener import open_model

catboost = pytest.importorskip("catboost", reason="an optional extra")
ROWS = np.random.default_rng(0).normal(size=(300, 3))
QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
CUT = 8  # magic and size
FAR = 1 << 28


def fitted(**settings: Any) -> Any:
    """A model of two trees of two splits."""
    return catboost.CatBoostRegressor(iterations=2, depth=2, **settings, **QUIET).fit(ROWS, ROWS[:, 0] * ROWS[:, 1])


@pytest.fixture(scope="module")
def raw() -> bytes:
    """Its bytes."""
    return bytes(fitted().__getstate__()["__model"])


def place(raw: bytes, field: int) -> int:
    """Where the length of a vector of the trees stands."""

    def number(kind: str, at: int) -> int:
        return int(struct.unpack_from(kind, raw, CUT + at)[0])

    at = number("<I", 0)
    at += number("<H", at - number("<i", at) + 4 + 2 * catboosts.MODEL_TREES)
    at += number("<I", at)
    at += number("<H", at - number("<i", at) + 4 + 2 * field)
    return CUT + at + number("<I", at)


def changed(field: int, offset: int, value: int) -> Callable[[bytes], bytes]:
    """Bytes with another number in a vector, ``offset`` bytes from its length."""

    def change(raw: bytes) -> bytes:
        at = place(raw, field) + offset
        return raw[:at] + struct.pack("<i", value) + raw[at + 4 :]

    return change


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "a split far away": changed(catboosts.SPLITS, 4, FAR),
    "a split before the first": changed(catboosts.SPLITS, 4, -1),
    "a deep tree": changed(catboosts.SIZES, 4, 40),
    "a tree of no depth": changed(catboosts.SIZES, 4, -2),
    "a start elsewhere": changed(catboosts.STARTS, 8, FAR),
    "a packed split elsewhere": changed(catboosts.PACKED, 4, 0x7F007F),
    "fewer leaves": changed(catboosts.VALUES, 0, 1),
    "fewer weights": changed(catboosts.WEIGHTS, 0, 1),
    "more biases": changed(catboosts.BIASES, 0, 2),
    "a vector without end": changed(catboosts.SPLITS, 0, FAR),
    "no magic": lambda raw: b"X" + raw[1:],
    "cut short": lambda raw: raw[:-9],
    "something behind": lambda raw: raw + b"\0",
    "a root elsewhere": lambda raw: raw[:CUT] + struct.pack("<I", FAR) + raw[CUT + 4 :],
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_points_outside_is_refused(raw: bytes, name: str) -> None:
    broken = FAULTS[name](raw)
    assert broken != raw
    with pytest.raises(Refused, match="CatBoost"):
        check_catboost(broken)


def test_columns_that_are_none_are_refused(raw: bytes) -> None:
    """CatBoost takes the last column's number for how many there are."""
    seen = 0
    for at in range(CUT, len(raw) - 3):
        if raw[at : at + 4] == struct.pack("<i", 2) and at % 4 == 0:
            for value in (-1, FAR):
                try:
                    check_catboost(raw[:at] + struct.pack("<i", value) + raw[at + 4 :])
                except Refused as error:
                    seen += "columns that are none" in error.reason
    assert seen >= 2


@pytest.mark.parametrize(
    "settings",
    [{}, {"border_count": 600}, {"nan_mode": "Max"}, {"loss_function": "MultiRMSE"}],
    ids=["usual", "many borders", "missing", "several targets"],
)
def test_what_catboost_wrote_opens(settings: dict[str, Any]) -> None:
    model = catboost.CatBoostRegressor(iterations=2, depth=3, **settings, **QUIET)
    targets = ROWS[:, :2] if "loss_function" in settings else ROWS[:, 0]
    model.fit(np.where(ROWS > 2, np.nan, ROWS), targets)
    np.testing.assert_array_equal(open_model(pickle.dumps(model)).predict(ROWS), model.predict(ROWS))


def test_no_byte_changed_ends_the_process(raw: bytes) -> None:
    """Each number of the file as a far one: refused, or read as CatBoost's own."""
    refused = 0
    for at in range(CUT, len(raw) - 3, 16):
        try:
            check_catboost(raw[:at] + struct.pack("<i", FAR) + raw[at + 4 :])
        except Refused:
            refused += 1
    assert refused > 10
