"""Owns v2 requests that are known by the bytes of their JSON, but for one list of values: they are not parsed again.

What has an id, data of several inputs, or texts, has an envelope alone (see `envelopes`). Knows no entries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from server.artefact.tensors import Buffer
from server.codecs.v2.envelopes import MAX_ENVELOPE_BYTES, Envelope, Remembers, RequestPlan, envelope_of
from server.errors import ServerError

_NUMBERS = re.compile(rb"\[[-+0-9.eE, \t\r\n\[\]]*\]")
_MARK = ["\0"]  # where it stands within a text, its quotes end that, and its backslash is no JSON
_MARK_JSON = orjson.dumps(_MARK)


class _Known(NamedTuple):
    """``suffix``: the JSON after the list. ``place``: of the input with the list.

    None where all data is binary: then the JSON before a list is all there is.
    """

    suffix: bytes
    place: int | None
    plan: RequestPlan


class Verbatim(Remembers):
    """The requests of one model that were read."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[bytes, _Known] = {}  # by the JSON before the list

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forgets all."""
        self._known.clear()

    def read(self, json: bytes, binary: memoryview) -> tuple[RequestPlan, tuple[Buffer, ...]] | None:
        """The plan and the buffers of a request; None where it is to be parsed, or refused."""
        start = _list_in(json)
        known = self._known.get(json[:start])
        if known is None:
            return None
        suffix, place, plan = known
        if plan.binary_bytes != len(binary) or (start < len(json) if place is None else not json.endswith(suffix)):
            return None
        lists: list[list[Any] | None] = [None] * len(plan.inputs)
        clean = True
        try:
            if place is not None:
                text = json[start : len(json) - len(suffix)]
                data = orjson.loads(text)
                if type(data) is not list:
                    return None
                lists[place] = data
                clean = b"true" not in text and b"false" not in text
            return plan, plan.read(lists, binary, clean)
        except (orjson.JSONDecodeError, ServerError):
            return None

    def remember(self, json: bytes, document: Mapping[str, Any], envelope: Envelope, plan: RequestPlan) -> None:
        """Remembers a request that was read without an error, if others can be known by it."""
        start = _list_in(json)
        places = [place for place, data in enumerate(envelope.data) if data is not None]
        if "id" in document or len(places) > 1 or bool(places) != (start < len(json)):
            return
        suffix = b""
        if places:
            found = _NUMBERS.match(json, start)
            if found is None:
                return
            suffix = json[found.end() :]
            if not _stands_for(json[:start] + _MARK_JSON + suffix, envelope, places[0]):
                return
        if start + len(suffix) <= MAX_ENVELOPE_BYTES:
            self.make_room()
            self._known[json[:start]] = _Known(suffix, places[0] if places else None, plan)


def _list_in(json: bytes) -> int:
    """Where the first data of an input begins if it is a list; else the end."""
    at = json.find(b'"data":')
    start = json.find(b"[", at) if at >= 0 else -1
    return start if start >= 0 else len(json)


def _stands_for(marked: bytes, envelope: Envelope, place: int) -> bool:
    """Whether the mark stands where the data of an input was, and all else as it was."""
    try:
        other = envelope_of(orjson.loads(marked))
    except orjson.JSONDecodeError:
        return False
    return other is not None and other.key == envelope.key and other.data[place] == _MARK
