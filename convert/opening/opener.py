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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sklearn

from convert.errors import Refused
from convert.opening.builder import Builder
from convert.opening.earlier.versions import refuse_versions
from convert.opening.own_code import OwnCode
from convert.opening.places import check_places
from convert.opening.refusal import refuse_names
from convert.opening.shapes import check_shapes
from convert.opening.skopsfile import read_skops
from convert.opening.unpickler import Unpickler
from convert.opening.watched import watch_compiled_code

if TYPE_CHECKING:
    from convert.witness.client import Witness  # it stands above: it is handed in

UNPACKED_LIMIT_BYTES = 2 << 30
CHUNK_BYTES = 1 << 20
OPTIONAL = {
    **dict.fromkeys(("catboost", "lightgbm", "xgboost"), "boosters"),
    **dict.fromkeys(("category_encoders", "feature_engine", "imblearn", "statsmodels"), "libraries"),
}
SHOWN_BYTES = 40
PROTOCOL_0 = (b"ccopy_reg\n", b"csklearn", b"(", b"]", b"}")  # the oldest pickles are text, too
ZIP = b"PK\x03\x04"  # a skops file
PLACE = "put it at models/NAME/1/model.onnx; python -m convert inspect FILE shows what it takes"
SAVE = "pickle.dump or joblib.dump the fitted model, and give that file"
OF_NOTEBOOK = (
    "save the fitted model in it, joblib.dump(model, 'model.joblib'), and convert that file; a class or function of its"
    " own is found by --trust-code --path NOTEBOOK.ipynb"
)
OTHERS = {  # what people take for a pickle, by how it begins
    b"version https://git-lfs": ("a pointer of Git LFS", "git lfs pull brings the file itself"),
    b"\x89HDF": ("HDF5, as Keras writes it", SAVE),
    b"PAR1": ("a Parquet table", SAVE),
    b"<": ("a web page", "download the file itself"),
    b'{"cells"': ("a notebook", OF_NOTEBOOK),
    b'{\n "cells"': ("a notebook", OF_NOTEBOOK),
}
CUT_OFF = ("truncated", "exhausted")  # as pickle has it
DAMAGED = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError, EOFError, MemoryError, OverflowError,
    RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """How a file may be opened: names trusted besides ours, the key of a dict, other versions allowed.

    With a ``witness`` its version is the one that the file must be of, and it opens the file as well. With ``code`` it
    may use any name, and what it has of a person's own code is found there. ``file`` is what a person called it.
    """

    trusted: tuple[str, ...] = ()
    key: str | None = None
    any_version: bool = False
    witness: Witness | None = None
    code: OwnCode | None = None
    file: str = "MODEL"


def open_model(data: bytes, policy: OpenPolicy = OpenPolicy()) -> Any:
    """The object in a pickle, joblib or skops file. Raises Refused, which lists every name that is not allowed.

    Raises OtherVersion where another scikit-learn has to answer for it.
    """
    _refuse_strangers(data, policy.file)
    builder = Builder(policy.trusted, policy.code)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions, which are compared below
        try:
            content, failure = _read(data, builder), None
        except (Refused, pickle.UnpicklingError, *DAMAGED) as error:
            content, failure = None, error
    refuse_names(builder.refused, policy.file)
    if not policy.any_version:
        refuse_versions(builder, policy.witness, data.startswith(ZIP))
    if isinstance(failure, Refused | MemoryError):
        raise failure
    if failure is not None:
        raise _as_refusal(failure, data) from failure
    if policy.witness is not None:
        if policy.code is not None and policy.code.used:
            raise Refused(
                "the model is another scikit-learn's, and code of your own is recorded with this one alone",
                f"fit and pickle it again with scikit-learn {sklearn.__version__};"
                " --allow-version-mismatch converts what this version makes of the file",
            )
        policy.witness.open(unpack(data), builder.asked, builder.stand_ins, policy.key)
    return _picked(content, policy.key)


def _refuse_strangers(data: bytes, file: str) -> None:
    """Raises Refused for what people take for a pickle; none begins as these do."""
    if file.lower().endswith(".onnx"):
        raise Refused("the file is ONNX by its name, which the server takes as it is", PLACE)
    if file.lower().endswith(".ipynb"):
        raise Refused("the file is a notebook, not a model of scikit-learn's", OF_NOTEBOOK)
    for beginning, (what, remedy) in OTHERS.items():
        if data.startswith(beginning):
            raise Refused(f"the file is {what}, not a model of scikit-learn's", remedy)


def _as_refusal(failure: Exception, data: bytes) -> Refused:
    if isinstance(failure, ModuleNotFoundError) and (group := OPTIONAL.get(str(failure.name))):
        return Refused(
            f"the model is one of {failure.name}'s, which is not installed here",
            f"make {group}, or pip install -r requirements-{group}.txt",
        )
    start = data[:SHOWN_BYTES]
    if start and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start) and not start.startswith(PROTOCOL_0):
        why = f"the file holds text, not a model: it begins with {start.decode()!r}"
    elif isinstance(failure, EOFError) or any(word in str(failure) for word in CUT_OFF):
        why = "the file ends before its pickle does" if data else "the file is empty"
    else:
        why = f"the file does not open, as it is no pickle or a damaged one ({type(failure).__name__})"
    return Refused(why, "give a file that pickle, joblib or skops wrote, whole as it was written")


def _read(data: bytes, builder: Builder) -> Any:
    """Everything in the file, built and then looked through as a whole."""
    if data.startswith(ZIP):
        content = read_skops(data, builder, UNPACKED_LIMIT_BYTES)
    else:
        content = Unpickler(io.BytesIO(unpack(data)), builder).load()
    if not builder.refused:
        builder.finish()
        instances = check_places(content, builder)
        builder.complete(instances)
        check_shapes(instances)
        watch_compiled_code()
    return content


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
            except (OSError, EOFError, RuntimeError, lzma.LZMAError, zlib.error) as error:  # lz4 raises RuntimeError
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
