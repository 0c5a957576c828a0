"""Owns the opening of model files: formats, decompression with a cap, exact names only. Knows nothing of processes.

A pickle is a program, and no allowlist makes a memory-corrupting one safe, so this runs only in the child process.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import pickle
import warnings
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
from sklearn.exceptions import InconsistentVersionWarning

from convert.errors import Refused
from convert.opening import skopsfile
from convert.opening.allowlist import NAMES

MOST_COLUMNS = 1 << 20
UNPACKED_LIMIT_BYTES = 2 << 30
CHUNK_BYTES = 1 << 20
ZIP = b"PK\x03\x04"  # a skops file
DAMAGED = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError, EOFError, MemoryError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """How a file may be opened: names trusted besides ours, the key of a dict, other versions allowed."""

    trusted: tuple[str, ...] = ()
    key: str | None = None
    any_version: bool = False


def open_model(data: bytes, policy: OpenPolicy = OpenPolicy()) -> Any:
    """The object in a pickle, joblib or skops file. Raises Refused, which lists every name that is not allowed."""
    allowed = NAMES | frozenset(policy.trusted)
    if data.startswith(ZIP):
        return _picked(skopsfile.open_skops(data, allowed), policy.key)
    unpacked = unpack(data)
    refused: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model, failure = _Reader(io.BytesIO(unpacked), allowed, refused).load(), None
        except (pickle.UnpicklingError, *DAMAGED) as error:
            model, failure = None, error
    _refuse_names(refused)
    if not policy.any_version:
        _refuse_version([item.message for item in caught])
    if isinstance(failure, MemoryError):
        raise failure
    if failure is not None:
        raise Refused(f"the file does not open: {failure!r}", "give a file that pickle or joblib wrote") from failure
    return _picked(model, policy.key)


def _picked(content: Any, key: str | None) -> Any:
    """The model in a dict, by its key."""
    if key is None and not isinstance(content, dict):
        return content
    if not isinstance(content, dict):
        raise Refused(f"the file holds a {type(content).__name__}, not a dict", "leave --key out")
    names = ", ".join(repr(name) for name in content)
    if key is None:
        raise Refused(
            f"the file holds a dict with {names}, not a scikit-learn estimator", "name the model's with --key"
        )
    if key not in content:
        raise Refused(f"the dict in the file has no {key!r}", f"it has {names}")
    return content[key]


def unpack(data: bytes) -> bytes:
    """The bare pickle, whatever it was compressed with. Raises Refused above the cap."""
    for magic, opener in PACKERS.items():
        if data.startswith(magic):
            try:
                return _read_capped(opener(io.BytesIO(data)))
            except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
                raise Refused(f"the compressed file is damaged: {error}", "write it again") from error
    return data


def _read_capped(stream: Any) -> bytes:
    parts = io.BytesIO()
    while chunk := stream.read(CHUNK_BYTES):
        if parts.tell() + len(chunk) > UNPACKED_LIMIT_BYTES:
            raise Refused(
                f"the file unpacks to more than {UNPACKED_LIMIT_BYTES >> 30} GB", "save the model uncompressed"
            )
        parts.write(chunk)
    return parts.getvalue()


def _lz4(stream: io.BytesIO) -> Any:
    try:
        frame = importlib.import_module("lz4.frame")  # optional, so no plain import
    except ImportError as error:
        raise Refused("the file is compressed with lz4, which is not installed", "pip install lz4") from error
    return frame.LZ4FrameFile(stream)


class _ZlibStream:
    """zlib has no file object of its own."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._data, self._inflater = stream.getvalue(), zlib.decompressobj()

    def read(self, size: int) -> bytes:
        out = self._inflater.decompress(self._data, size)
        self._data = self._inflater.unconsumed_tail
        return out


PACKERS: dict[bytes, Any] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\x00": lzma.LZMAFile,
    b"\x04\x22\x4d\x18": _lz4,
    b"\x78\x01": _ZlibStream,
    b"\x78\x5e": _ZlibStream,
    b"\x78\x9c": _ZlibStream,
    b"\x78\xda": _ZlibStream,
}


class _Reader(NumpyUnpickler):  # type: ignore[misc]
    """joblib's unpickler, which reads plain pickles as well, with exact names only.

    A name that is not allowed is noted and stood in for, so that the refusal can list them all.
    """

    dispatch = NumpyUnpickler.dispatch.copy()

    def __init__(self, stream: io.BytesIO, allowed: Collection[str], refused: list[str]) -> None:
        super().__init__("", stream, ensure_native_byte_order=True)
        self._allowed = allowed
        self.refused = refused

    def find_class(self, module: str, name: str) -> Any:
        if self.proto < 3:  # Python 2's names, as pickle itself translates them
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        full = f"{module}.{name}"
        if "." in name or full not in self._allowed:
            self.refused.append(full)
            return _StandIn
        return getattr(importlib.import_module(module), name)

    def load_build(self) -> None:
        """As joblib does; but joblib reads an array of objects with a bare pickle.load, which would allow anything."""
        pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]
        if isinstance(self.stack[-1], NumpyArrayWrapper):
            wrapper = self.stack.pop()
            if wrapper.dtype.hasobject:
                nested = _Reader(self.file_handle, self._allowed, self.refused)
                self.stack.append(nested.load())
            else:
                self.stack.append(wrapper.read(self, self.ensure_native_byte_order))
        elif type(self.stack[-1]).__name__ in ("Tree", "TreePredictor"):
            check_tree(self.stack[-1])

    dispatch[pickle.BUILD[0]] = load_build


class _StandIn:
    """Takes the place of what a refused name would have been; does nothing at all."""

    def __new__(cls, *_: Any, **__: Any) -> _StandIn:
        return super().__new__(cls)

    def __call__(self, *_: Any, **__: Any) -> _StandIn:
        return self

    def _ignore(self, *_: Any) -> None:
        pass

    __setstate__ = __setitem__ = append = extend = _ignore


def check_tree(tree: Any) -> None:
    """Refuses a tree whose nodes point outside: predicting with it would read foreign memory."""
    if type(tree).__name__ == "Tree":
        left, right, feature = tree.children_left, tree.children_right, tree.feature
        leaf, columns = left < 0, tree.n_features
    else:
        nodes = tree.nodes
        left, right, feature = (nodes[name].astype(np.int64) for name in ("left", "right", "feature_idx"))
        leaf, columns = nodes["is_leaf"] != 0, MOST_COLUMNS
    own = np.arange(len(left))
    inside = leaf | ((left > own) & (right > own) & (left < len(own)) & (right < len(own)))
    if not (inside & (leaf | ((feature >= 0) & (feature < columns)))).all():
        raise Refused(
            "a tree in the file points outside its own nodes", "the file is damaged or hostile: write it again"
        )


def _refuse_names(names: list[str]) -> None:
    if names:
        unique = sorted(set(names))
        if any(name.startswith("cloudpickle.") for name in unique):
            raise Refused(
                f"the file carries the code of a function or class itself, as cloudpickle does for what stands in no"
                f" module; it asks for {', '.join(unique)}",
                "put that class into a module of yours, fit and pickle again, and teach it with --converters FILE.py"
                " (docs/convert.md); a FunctionTransformer of a numpy function needs nothing. To --trust these names"
                " would run that code in the confined process, but code cannot be converted",
            )
        raise Refused(
            f"the file asks for {', '.join(unique)}, which a model does not need",
            "if you made this file yourself and know that code, allow it: "
            + " ".join(f"--trust {name}" for name in unique)
            + ". A trusted name is run with whatever arguments the file gives it",
        )


def _refuse_version(messages: list[Any]) -> None:
    ours = sklearn.__version__.split(".")[:2]
    for message in messages:
        if isinstance(message, InconsistentVersionWarning):
            theirs = str(message.original_sklearn_version)
            if theirs.split(".")[:2] != ours:
                raise Refused(
                    f"the model was pickled with scikit-learn {theirs}; {sklearn.__version__}, the one here, may"
                    " predict otherwise from the same file",
                    f"install scikit-learn {theirs} here, or fit and pickle the model again with {sklearn.__version__};"
                    " --allow-version-mismatch converts what this version makes of the file",
                )
