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
from typing import Any

import sklearn
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
from sklearn.exceptions import InconsistentVersionWarning

from convert.allowlist import NAMES
from convert.errors import Refused

UNPACKED_LIMIT_BYTES = 2 << 30
CHUNK_BYTES = 1 << 20
DAMAGED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ImportError,
    EOFError,
    MemoryError,
    OverflowError,
)


def open_model(data: bytes, trusted: Collection[str] = ()) -> Any:
    """The object in a pickle or joblib file. Raises Refused, which lists every name that is not allowed."""
    unpacked = unpack(data)
    if unpacked[:1] != pickle.PROTO and not unpacked[:1].isascii():
        raise Refused("the file is neither a pickle nor a joblib file", "give the file that pickle or joblib wrote")
    refused: list[str] = []
    reader = _Reader(io.BytesIO(unpacked), NAMES | frozenset(trusted), refused)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = reader.load()
        except (pickle.UnpicklingError, *DAMAGED) as error:
            failure: Exception | None = error
            model = None
        else:
            failure = None
    _refuse_names(refused)
    _refuse_version([item.message for item in caught])
    if failure is not None:
        raise Refused(f"the file does not open: {failure!r}", "write it again with pickle.dump") from failure
    return model


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

    dispatch[pickle.BUILD[0]] = load_build


class _StandIn:
    """Takes the place of what a refused name would have been; does nothing at all."""

    def __new__(cls, *_: Any, **__: Any) -> _StandIn:
        return super().__new__(cls)

    def __setstate__(self, _: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> _StandIn:
        return self

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass


def _refuse_names(names: list[str]) -> None:
    if names:
        unique = sorted(set(names))
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
                    f"install scikit-learn {theirs} here, or fit and pickle the model again with {sklearn.__version__}",
                )
