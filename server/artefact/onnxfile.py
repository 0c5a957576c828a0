"""Owns what the bytes of an ONNX file use, read from the protobuf wire format. Knows no sessions and no folders.

It reads every tensor (in attributes, sub-graphs, functions, sparse tensors) before ONNX Runtime gets the file: even
from bytes, ONNX Runtime would open the external files that a tensor names. No allocation depends on a length that the
file claims, and no byte is read more than MAX_DEPTH times.
docs/decisions.md: "What a file uses is read from its bytes".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from server.artefact.functions import expanded_nodes
from server.artefact.wire import BYTES, VARINT, fields, truncated
from server.artefact.wire import BadFile as BadFile  # its readers take it from here

MAX_BYTES = 2**31 - 1  # protobuf's own limit
MAX_DEPTH = 64  # nested messages; a graph within a graph is three
NEWEST_IR = 14
MAX_NODES = 200_000  # of all graphs and functions; a conversion of a large ensemble has some thousand
# The opsets of ONNX Runtime's CPU provider by domain; "" is also written "ai.onnx". A test asks the library.
NEWEST_OPSETS: Mapping[str, int] = MappingProxyType({"": 28, "ai.onnx.ml": 5, "com.microsoft": 1})
# Of ONNX Runtime's own operators only those that convert writes: each is native code that a stranger's file drives.
OF_MICROSOFT = frozenset({"MurmurHash3", "Tokenizer"})
# What they answer, and how long it takes, cannot be tried.
BY_CHANCE = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
BUILT_IN = re.compile(r"(com\.microsoft|com\.ms|ai\.onnx|org\.pytorch\.aten)(\.|$)")


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What a file uses. ONNX's own domain is ""; ``operators``, ``functions`` (defined in the file): (domain, name).

    ``largest_node``: bytes of the largest node, with its attributes.
    """

    ir_version: int
    opsets: Mapping[str, int]
    operators: frozenset[tuple[str, str]]
    functions: frozenset[tuple[str, str]]
    metadata: Mapping[str, str]
    largest_node: int


class _Kind(IntEnum):
    MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, FUNCTION, TRAINING, OPSET, ENTRY = range(10)


_K = _Kind
# The fields of a kind of message that hold messages: field number -> kind.
_INSIDE: Mapping[_Kind, Mapping[int, _Kind]] = {
    _K.MODEL: {7: _K.GRAPH, 8: _K.OPSET, 14: _K.ENTRY, 20: _K.TRAINING, 25: _K.FUNCTION},
    _K.GRAPH: {1: _K.NODE, 5: _K.TENSOR, 15: _K.SPARSE},
    _K.NODE: {5: _K.ATTRIBUTE},
    _K.ATTRIBUTE: {
        5: _K.TENSOR,
        6: _K.GRAPH,
        10: _K.TENSOR,
        11: _K.GRAPH,
        22: _K.SPARSE,
        23: _K.SPARSE,
    },
    _K.SPARSE: {1: _K.TENSOR, 2: _K.TENSOR},
    _K.FUNCTION: {7: _K.NODE, 9: _K.OPSET, 11: _K.ATTRIBUTE},
    _K.TRAINING: {1: _K.GRAPH, 2: _K.GRAPH},
}
# The text fields that are read: field number -> name.
_TEXTS: Mapping[_Kind, Mapping[int, str]] = {
    _K.NODE: {4: "operator", 7: "domain"},
    _K.FUNCTION: {1: "name", 10: "domain"},
    _K.OPSET: {1: "domain"},
    _K.ENTRY: {1: "key", 2: "value"},
}
# The number that is read of a kind, by its tag.
_NUMBERS: Mapping[_Kind, tuple[int]] = {_K.MODEL: (1 << 3,), _K.OPSET: (2 << 3,), _K.TENSOR: (14 << 3,)}
_EXTERNAL_DATA = 13  # field of a tensor: the file and offset of its values


def read_onnxfile(data: bytes) -> OnnxFile:
    """Reads what a file uses. Raises BadFile for bytes that are no ONNX file, and for external data."""
    if message := _other_format(data):
        raise BadFile(message)
    reading = _Reading(data)
    try:
        reading.walk()
    except IndexError:
        raise truncated(data) from None
    if not reading.graphs:
        raise BadFile("holds no graph: it is no ONNX file, or was cut off; copy the whole file again")
    return OnnxFile(
        reading.ir_version,
        reading.opsets,
        frozenset(reading.operators),
        frozenset(reading.functions),
        reading.metadata,
        reading.largest_node,
    )


def check_known(file: OnnxFile) -> None:
    """Raises BadFile for an IR version, an opset or a domain that our ONNX Runtime does not have."""
    if file.ir_version > NEWEST_IR:
        raise BadFile(
            f"has IR version {file.ir_version}; this server reads up to {NEWEST_IR}: export it with an older IR version"
        )
    for domain, version in file.opsets.items():
        newest = NEWEST_OPSETS.get(domain)
        if newest is not None and not 1 <= version <= newest:
            raise BadFile(
                f"uses opset {version} of {_named(domain)}; this server knows 1 to {newest}: export it for one of these"
            )
    for domain, operator in sorted(file.operators):
        if not domain and operator in BY_CHANCE:
            raise BadFile(f"draws numbers by chance ({operator}), so no trial shows what it does: export it without")
        if not _is_allowed(domain, operator, file.functions):
            raise BadFile(
                f"uses the operator {operator!r} of {_named(domain)!r}, which this server does not run: export it with"
                f" operators of ai.onnx, ai.onnx.ml and of com.microsoft {', '.join(sorted(OF_MICROSOFT))}"
            )


def _is_allowed(domain: str, operator: str, functions: frozenset[tuple[str, str]]) -> bool:
    """A function of the file's own does not stand for an operator of a domain that is ONNX Runtime's."""
    if domain == "com.microsoft":
        return operator in OF_MICROSOFT
    return domain in NEWEST_OPSETS or ((domain, operator) in functions and not BUILT_IN.match(domain))


def _named(domain: str) -> str:
    return domain or "ai.onnx"


class _Reading:
    """One pass over the file, with a stack of the messages still to read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._waiting: list[tuple[_Kind, int, int, int, int]] = [(_K.MODEL, 0, len(data), 0, 0)]
        self._calls: dict[int, Counter[tuple[str, str]]] = {0: Counter()}  # by body: that of a function, or 0
        self._bodies: dict[tuple[str, str], list[int]] = {}
        self.ir_version = 0
        self.graphs = 0
        self.nodes = 0
        self.largest_node = 0
        self.opsets: dict[str, int] = {}
        self.operators: set[tuple[str, str]] = set()
        self.functions: set[tuple[str, str]] = set()
        self.metadata: dict[str, str] = {}

    def walk(self) -> None:
        """Reads every message. Raises BadFile, or IndexError where the file ends too early."""
        while self._waiting:
            self._read(*self._waiting.pop())
        if self._bodies and expanded_nodes(self._calls, self._bodies) > MAX_NODES:
            raise _too_many()

    def _read(self, kind: _Kind, start: int, end: int, depth: int, body: int) -> None:
        if kind is _K.FUNCTION:
            body = len(self._calls)
            self._calls[body] = Counter()
        elif kind is _K.NODE:
            self.largest_node = max(self.largest_node, end - start)
        inside, texts = _INSIDE.get(kind, {}), _TEXTS.get(kind, {})
        strings: dict[str, str] = {}
        number = 0
        for tag, at, stop in fields(self._data, start, end, _NUMBERS.get(kind, ())):
            field = tag >> 3
            if tag & 7 == VARINT:
                number = max(number, stop)
            elif tag & 7 == BYTES and field in inside:
                if depth == MAX_DEPTH:
                    raise BadFile(f"nests messages more than {MAX_DEPTH} deep: no exporter writes such a file")
                self._waiting.append((inside[field], at, stop, depth + 1, body))
            elif tag & 7 == BYTES and field in texts:
                strings[texts[field]] = self._data[at:stop].decode("utf-8", "backslashreplace")
            elif kind is _K.TENSOR and field == _EXTERNAL_DATA:
                raise _external()
        self._note(kind, strings, number, body)

    def _note(self, kind: _Kind, strings: Mapping[str, str], number: int, body: int) -> None:
        domain = strings.get("domain", "")
        domain = "" if domain == "ai.onnx" else domain
        if kind is _K.TENSOR and number:
            raise _external()
        if kind is _K.NODE:
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise _too_many()
            self.operators.add((domain, strings.get("operator", "")))
            self._calls[body][(domain, strings.get("operator", ""))] += 1
        elif kind is _K.FUNCTION:
            self.functions.add((domain, strings.get("name", "")))
            self._bodies.setdefault((domain, strings.get("name", "")), []).append(body)
        elif kind is _K.OPSET:
            self.opsets[domain] = max(number, self.opsets.get(domain, 0))
        elif kind is _K.ENTRY:
            self.metadata[strings.get("key", "")] = strings.get("value", "")
        elif kind is _K.MODEL:
            self.ir_version = number
        self.graphs += kind is _K.GRAPH


def _too_many() -> BadFile:
    return BadFile(f"has more than {MAX_NODES} nodes: make the model smaller")


def _external() -> BadFile:
    return BadFile("keeps data in other files: save the model as one file, without external data")


def _other_format(data: bytes) -> str | None:
    """The message for a file of another recognised format; None for all else."""
    start = data[:512].lstrip().lower()
    if not data:
        return "is empty: copy the whole file again"
    if data[4:8] == b"ORTM" or start.startswith(b"ortm"):
        return (
            "is in ONNX Runtime's own format (ORT), which cannot be checked: put here the .onnx file it was made from"
        )
    if start.startswith(b"version https://git-lfs"):
        return "is a git-LFS pointer, not the model: fetch the model itself with `git lfs pull`"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not a model: download the file itself"
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "is a pickle, which this server never opens: turn it into ONNX with `python -m convert`"
    if data[:4] == b"PK\x03\x04" or data[:2] == b"\x1f\x8b":
        return "is an archive, not a model: unpack it, or turn a packed pickle into ONNX with `python -m convert`"
    return "is text, not a model: put the .onnx file here" if _is_text(data[:4096]) else None


def _is_text(sample: bytes) -> bool:
    printable = sample.decode("utf-8", "ignore")
    whole = len(printable.encode()) >= len(sample) - 3  # a character may be cut off at the end
    return whole and all(character.isprintable() or character in "\t\n\r\f" for character in printable)
