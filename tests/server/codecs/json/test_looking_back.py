"""Keys around a cut: found, however they are written, at a bounded cost."""

from __future__ import annotations

from server.codecs.json.looking_back import MAX_KEY_BYTES, MAX_KEY_QUOTES
from server.codecs.slices import WINDOW_BYTES
from tests.support.server.codecs.parsing import outcome


def test_a_key_of_quotes_around_a_cut_costs_no_search_without_end() -> None:
    key = b'\\"' * (2 * MAX_KEY_QUOTES)
    body = b'{"' + key + b'":[1,2,3]}'
    assert outcome(body, body.index(b",") + 1)[0] == "bad_json"
    assert outcome(body, len(body) + 1) == outcome(body, None)


def test_a_key_around_a_cut_has_a_bounded_length() -> None:
    for size, code in ((MAX_KEY_BYTES, "bad_json"), (MAX_KEY_BYTES - 2, "value")):
        body = b'{"%b":{"a":1,"b":"%b"}}' % (b"x" * size, b"y" * 2 * WINDOW_BYTES)
        assert outcome(body, WINDOW_BYTES)[0] == code
