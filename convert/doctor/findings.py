"""Owns what a model file tells without being opened: its format, versions, names, the tree of its estimators.

Nothing in it is imported, called or unpacked beyond a bound. Knows nothing of what a person should do about it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from convert.doctor.notes import ARRAY_IN_FILE, Made, Program
from convert.doctor.program import read_program
from convert.opening.allowlist import CALLED, ESTIMATORS, FUNCTIONS, INERT, NATIVES, PARTS, SEARCH, TYPES, full_names
from convert.opening.earlier.names import INERT_NAMES, LOSSES, MOVED, REMAINDER

MOST_BYTES = 256 << 20  # of what a compressed file holds; more is not read
MOST_LINES, DEEPEST, MOST_CHARACTERS = 100, 12, 100
MOST_NAMES = 200
PACKED: dict[bytes, tuple[str, Callable[[io.BytesIO], Any] | None]] = {
    b"\x1f\x8b": ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"BZh": ("bz2", bz2.BZ2File),
    b"\xfd7zXZ": ("xz", lzma.LZMAFile),
    b"\x5d\x00": ("lzma", lzma.LZMAFile),
    b"\x04\x22\x4d\x18": ("lz4", None),
}
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
TABLES = (CALLED, ESTIMATORS, FUNCTIONS, INERT, SEARCH, TYPES, *NATIVES.values(), *PARTS.values())
PLUMBING = (
    "joblib.numpy_pickle.NDArrayWrapper",
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "builtins.object",
)
KNOWN = frozenset({ARRAY_IN_FILE, REMAINDER, *PLUMBING, *INERT_NAMES, *LOSSES, *MOVED}).union(*map(full_names, TABLES))
MODELS = full_names(ESTIMATORS)
SEVERAL = ("versions", "known", "unknown", "keys", "drawing")
LISTS = ("steps", "transformers_", "transformers", "transformer_list", "estimators_", "calibrated_classifiers_")
SINGLE = (
    "best_estimator_", "estimator_", "base_estimator_", "final_estimator_", "regressor_", "classifier_", "transformer_",
    "estimator", "base_estimator",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Findings:
    """``unknown`` are names that opening refuses; ``keys`` those of a dict at the top; ``drawing`` has no model's text
    that was not cut to size. ``kind``: "pickle", "skops", "text" or "other"."""

    kind: str
    packed: str
    protocol: int
    joblib: bool
    versions: tuple[str, ...]
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    keys: tuple[str, ...]
    drawing: tuple[str, ...]
    stopped: str

    def to_json(self) -> dict[str, Any]:
        """It as what JSON has."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Findings:
        """What another process says that `to_json` gave. Raises LookupError, TypeError or ValueError."""
        versions, known, unknown, keys, drawing = (tuple(map(str, said[name])) for name in SEVERAL)
        kind, packed, stopped = (str(said[name]) for name in ("kind", "packed", "stopped"))
        protocol, joblib = int(said["protocol"]), bool(said["joblib"])
        return cls(kind, packed, protocol, joblib, versions, known, unknown, keys, drawing, stopped)


def find(data: bytes) -> Findings:
    """Looks at a file's bytes. Raises nothing for any."""
    packed, bare, stopped = _bare(data)
    if bare.startswith(b"PK\x03\x04"):
        kind, program = "skops", _skops(bare)
    else:
        program = read_program(bare)
        kind = "pickle" if program.names or program.content is not None else "text" if _is_text(bare) else "other"
    names = {name: _todays(name) in KNOWN for name in program.names}
    content = program.content
    keys = [str(key) for key, value in content.items() if _may_be_model(value)] if isinstance(content, dict) else []
    return Findings(
        kind,
        packed,
        program.protocol,
        ARRAY_IN_FILE in program.names,
        tuple(sorted(_cut(text) for text in list(program.strings)[:MOST_NAMES])),
        tuple(_cut(name) for name, known in names.items() if known)[:MOST_NAMES],
        tuple(_cut(name) for name, known in names.items() if not known)[:MOST_NAMES],
        tuple(map(_cut, keys))[:MOST_NAMES],
        tuple(_bounded(_lines(content, "", 0))) if kind in ("pickle", "skops") else (),
        stopped or program.why_stopped,
    )


def _todays(full: str) -> str:
    """A name as Python 3 has it: the oldest protocols write Python 2's."""
    module, _, name = full.rpartition(".")
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


def _may_be_model(value: Any) -> bool:
    return isinstance(value, Made) and (value.of in MODELS or _todays(value.of) not in KNOWN)


def _bare(data: bytes) -> tuple[str, bytes, str]:
    """How it is compressed, what it holds up to the bound, and why that is not all."""
    for magic, (name, opener) in PACKED.items():
        if data.startswith(magic):
            if opener is None:
                return name, b"", f"what {name} holds is not looked at"
            try:
                bare = opener(io.BytesIO(data)).read(MOST_BYTES)
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
                return name, b"", f"as {name} it is damaged"
            return name, bare, _too_long(bare)
    if data.startswith(ZLIB):
        try:
            bare = zlib.decompressobj().decompress(data, MOST_BYTES)
        except zlib.error:
            return "zlib", b"", "as zlib it is damaged"
        return "zlib", bare, _too_long(bare)
    return "", data, ""


def _too_long(bare: bytes) -> str:
    return f"only its first {MOST_BYTES >> 20} MB were read" if len(bare) == MOST_BYTES else ""


def _is_text(bare: bytes) -> bool:
    start = bare[:200]
    return bool(start) and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start)


def _skops(data: bytes) -> Program:
    """skops keeps the tree as JSON, which is read; what else is in the archive is not."""
    program = Program()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("schema.json") as file:
            schema = json.loads(file.read(MOST_BYTES))
        program.content = _node(schema, program, 0)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, LookupError, ValueError, RecursionError, OSError):
        program.why_stopped = "as skops it is damaged"
    return program


def _node(node: Any, program: Program, depth: int) -> Any:
    if not isinstance(node, dict) or "__class__" not in node or depth > 100:
        return None
    full = f"{node.get('__module__')}.{node['__class__']}"
    program.names.setdefault(full)
    content = node.get("content")
    if isinstance(content, dict) and "__class__" not in content:
        inside = {key: _node(value, program, depth + 1) for key, value in content.items()}
        version = content.get("_sklearn_version")
        if isinstance(version, dict):
            program.strings.add(str(version.get("content")).strip('"'))
        return inside if full == "builtins.dict" else Made(full, (), inside)
    if isinstance(content, dict):
        return Made(full, (), _node(content, program, depth + 1))
    if isinstance(content, list):
        return [_node(value, program, depth + 1) for value in content]
    return content.strip('"') if isinstance(content, str) else None


def _lines(value: Any, name: str, depth: int) -> Iterator[str]:
    """One line for each estimator, those inside it moved in. A file may nest or repeat itself without end."""
    label = f"{name}: " if name else ""
    if isinstance(value, Made):
        yield "   " * depth + _cut(label + value.of.rpartition(".")[2])
        if depth < DEEPEST:
            for inner, part in _parts(value.state):
                yield from _lines(part, inner, depth + 1)
    elif isinstance(value, dict) and depth == 0:
        for key, part in value.items():
            if _may_be_model(part):
                yield from _lines(part, str(key), depth)
    elif isinstance(value, str) and name:
        yield "   " * depth + _cut(label + value)


def _parts(state: Any) -> Iterator[tuple[str, Any]]:
    """What an estimator holds of others, by name; of many alike the first stands for all."""
    state = state[0] if isinstance(state, tuple) and state else state  # a state and slots
    if not isinstance(state, dict):
        return
    for key in LISTS:
        members = _listed(state.get(key))
        if members:
            yield from members
            return
    for key in SINGLE:
        if isinstance(state.get(key), Made):
            yield key.rstrip("_"), state[key]
            return


def _listed(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, list) or not value:
        return []
    if all(isinstance(item, tuple | list) and len(item) >= 2 and isinstance(item[0], str) for item in value):
        return [(item[0] + _columns(item[2:]), item[1]) for item in value]
    made = [item for item in value if isinstance(item, Made)]
    return [(f"{len(made)} times", made[0])] if made else []


def _columns(rest: Any) -> str:
    named = rest[0] if rest and isinstance(rest[0], list) else []
    shown = ", ".join(str(name) for name in named[:4] if isinstance(name, str))
    return f" [{shown}{', ...' if len(named) > 4 else ''}]" if shown else ""


def _bounded(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == MOST_LINES:
            yield "..."
            return
        yield line


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
