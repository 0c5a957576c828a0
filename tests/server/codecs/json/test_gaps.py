"""Long texts: whatever they hold and wherever a window ends, they are read or refused as at once, in portions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.codecs.json.gaps import Gaps
from server.codecs.slices import WINDOW_BYTES
from tests.support.server.codecs.parsing import outcome

LETTERS = [
    "a",
    "bc",
    "é",
    "😀",
    *"[{,:] ",
    "0123",
    "x" * 16,
    "\\n",
    "\\\\",
    '\\"',
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\uD83D\\uDE00",
]
WRONG = ["\\", "\\x", "\\ud83d", "\\ude00", "\\u12", "\x00", "\x01", "\n"]
TEXTS = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=4).flatmap(
    lambda some: st.lists(st.sampled_from([*some, "y" * 20]), max_size=60).map("".join)
)
DAMAGED = st.tuples(TEXTS, st.sampled_from(WRONG), TEXTS).map("".join)
WINDOWS = st.integers(14, 100)


@given(TEXTS | DAMAGED, TEXTS, TEXTS | DAMAGED, WINDOWS, st.sampled_from(["", " ", ",", "x", "]"]))
def test_a_long_text_is_read_or_refused_alike(first: str, key: str, last: str, window: int, odd: str) -> None:
    for body in (
        f'"{first}"{odd}',
        f'["{first}"{odd}]',
        f'[1,["{key}",{{"{first}":"{last}"{odd}}}],"{key}","{last}"]',
        f'{{"a":1,"{key}":{{"{key}x":"{first}","{key}":["{last}"]}}{odd}}}',
        f'["{first}',
        f'{{"{first}":{{"{key}":{{"{last}":[[["{key}"]]]}}}}}}{odd}',
    ):
        assert outcome(body.encode(), window) == outcome(body.encode(), None)


@pytest.mark.parametrize(
    "letters", [b"a", "é".encode(), "😀".encode(), b"\\n", b'\\"', b"\\\\", b"\\u00e9", b"\\ud83d\\ude00"]
)
@pytest.mark.parametrize(
    "body", [b'["%b"]', b'{"%b":1}', b'{"a":["b",{"c":"%b","d":2}]}', b'["%b', b'["%b\\x"]', b'["%b\xff"]']
)
def test_the_parser_sees_little_of_a_long_text(body: bytes, letters: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    loads = orjson.loads

    def counted(text: bytes | memoryview) -> Any:
        sizes.append(len(text))
        return loads(text)

    body %= letters * (16 * WINDOW_BYTES // len(letters))
    monkeypatch.setattr(orjson, "loads", counted)
    in_slices = outcome(body, WINDOW_BYTES)
    assert max(sizes) < 3 * WINDOW_BYTES
    assert in_slices == outcome(body, None) or "UTF-8" in in_slices[1]


def test_a_text_gap_is_one_however_many_windows_it_has() -> None:
    data = memoryview(b'["' + b"a" * 100 + b'"]')
    gaps = Gaps(data)
    at = 10
    while at < 80:
        at += gaps.add_text(at, bytes(data[at : at + 20]))
    assert len(gaps.pieces(0, len(data))) == 3
    text = b"".join(gaps.pieces(0, len(data)))
    assert gaps.put_back(orjson.loads(text)) == ["a" * 100]
    assert gaps.characters_before(text, len(text) - 2, 0) == len(data) - len(text)
    assert gaps.characters_before(text, 5, 0) == 0
    gaps.clear()
    assert gaps.pieces(3, 6) == [data[3:6]]
