"""Owns v2 requests that are known by the bytes of their JSON, but for one list of values and an id at its beginning.

They are not parsed again. What has data of several inputs, or texts, has an envelope alone (see `envelopes`). Knows no
entries.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from server.artefact.tensors import Buffer
from server.codecs.json.parser import NUMERALS
from server.codecs.v2.envelopes import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    InputPlan,
    Remembers,
    RequestPlan,
    envelope_of,
)
from server.errors import ServerError

_NUMBERS = re.compile(rb"\[[-+0-9.eE, \t\r\n\[\]]*\]")
# An id that comes first and is itself as JSON: without escapes, in ASCII.
_ID = re.compile(rb'\{"id": ?"([ !#-\[\]-~]*)"')
_MARK_ID = b"\\u0000"
_MARK = ["\0"]  # where it stands within a text, its quotes end that, and its backslash is no JSON
_MARK_JSON = orjson.dumps(_MARK)


class _Known(NamedTuple):
    """``suffix``: the JSON after the list. ``place``: of the input with the list. ``only``: the only input.

    Without a place all data is binary: then the JSON before a list is all there is. Several inputs have no ``only``.
    """

    suffix: bytes
    place: int | None
    plan: RequestPlan
    only: InputPlan | None


class Verbatim(Remembers):
    """The requests of one model that were read."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[bytes, _Known] = {}  # by the JSON before the list
        self._last: tuple[bytes, _Known] | None = None  # of them with a list of numbers: most ask the same again

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forgets all."""
        self._known.clear()
        self._last = None

    def read(self, json: bytes, binary: memoryview) -> tuple[RequestPlan, tuple[Buffer, ...], bytes | None] | None:
        """The plan, the buffers and the id of a request; None where it is to be parsed, or refused."""
        request_id = None
        if json.startswith(b'{"id":') and (own := _ID.match(json)) is not None:
            request_id = own[1]
            json = json[: own.start(1)] + json[own.end(1) :]
        last = self._last
        if last is not None and json.startswith(last[0]):
            start, known = len(last[0]), last[1]
        else:
            at = json.find(b'"data":')
            start = json.find(b"[", at) if at >= 0 else -1
            found = self._known.get(json[:start] if start >= 0 else json)
            if found is None:
                return None
            known = found
            if known.only is not None and known.place is not None:
                self._last = json[:start], known
        suffix, place, plan, only = known
        if plan.binary_bytes != len(binary) or (start >= 0 if place is None else not json.endswith(suffix)):
            return None
        if only is not None:
            if place is None:
                if only.as_sent:
                    return plan, (binary,), request_id
            elif (text := json[start : len(json) - len(suffix)]).translate(None, NUMERALS) == b"[]":
                try:
                    return plan, (only.read_numbers(text),), request_id
                except (ValueError, OverflowError, struct.error, ServerError):
                    return None
        buffers = _read_any(json, start, known, binary)
        return None if buffers is None else (plan, buffers, request_id)

    def remember(self, json: bytes, document: Mapping[str, Any], envelope: Envelope, plan: RequestPlan) -> None:
        """Remembers a request that was read without an error, if others can be known by it."""
        if "id" in document:
            found = _ID.match(json)
            if found is None or not _has_id(json, found, document):
                return
            json = json[: found.start(1)] + json[found.end(1) :]
        start = _list_in(json)
        places = [place for place, data in enumerate(envelope.data) if data is not None]
        if len(places) > 1 or bool(places) != (start < len(json)):
            return
        suffix = b""
        if places:
            numbers = _NUMBERS.match(json, start)
            if numbers is None:
                return
            suffix = json[numbers.end() :]
            if not _stands_for(json[:start] + _MARK_JSON + suffix, envelope, places[0]):
                return
        if start + len(suffix) <= MAX_ENVELOPE_BYTES:
            self.make_room()
            only = plan.inputs[0] if len(plan.inputs) == 1 else None
            self._last = None
            self._known[json[:start]] = _Known(suffix, places[0] if places else None, plan, only)


def _read_any(json: bytes, start: int, known: _Known, binary: memoryview) -> tuple[Buffer, ...] | None:
    """The buffers of a request of several inputs, or of other values than numbers that suit the graph."""
    suffix, place, plan, _ = known
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
        return plan.read(lists, binary, clean)
    except (orjson.JSONDecodeError, ServerError):
        return None


def _list_in(json: bytes) -> int:
    """Where the first data of an input begins if it is a list; else the end."""
    at = json.find(b'"data":')
    start = json.find(b"[", at) if at >= 0 else -1
    return start if start >= 0 else len(json)


def _has_id(json: bytes, found: re.Match[bytes], document: Mapping[str, Any]) -> bool:
    """Whether the id is what was found, and another in its place would be the id."""
    marked = orjson.loads(json[: found.start(1)] + _MARK_ID + json[found.end(1) :])
    return bool(marked == {**document, "id": "\0"})


def _stands_for(marked: bytes, envelope: Envelope, place: int) -> bool:
    """Whether the mark stands where the data of an input was, and all else as it was."""
    try:
        other = envelope_of(orjson.loads(marked))
    except orjson.JSONDecodeError:
        return False
    return other is not None and other.key == envelope.key and other.data[place] == _MARK
