"""Owns the reading of skops files: a zip of arrays and a JSON tree of nodes. Knows no names: it asks a builder at each.

skops itself is not needed, nor used: it gives a state to whatever takes one, and fetches methods by their names.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.opening.allowlist import SEARCH, full_names
from convert.opening.builder import Builder
from convert.opening.inert import Inert
from convert.opening.making.arrays import checked_dtype
from convert.opening.refusal import hostile

KEYS: dict[str, Callable[[str], Any]] = {
    "builtins.bool": lambda text: text == "true",
    "builtins.float": float,
    "builtins.int": int,
    "builtins.str": str,
    "numpy.bool": lambda text: np.bool_(text in ("true", "True")),
    "numpy.float64": np.float64,
    "numpy.int64": np.int64,
    "numpy.str_": np.str_,
}
SEARCH_NAMES = full_names(SEARCH)
UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, KeyError, json.JSONDecodeError, UnicodeDecodeError)

Node = dict[str, Any]


def read_skops(data: bytes, builder: Builder, limit_bytes: int) -> Any:
    """The object in a skops file. Raises Refused where the file is none, or unpacks to more than the limit."""
    try:
        return _Reader(data, builder, limit_bytes).read()
    except UNREADABLE as error:
        raise Refused(f"the skops file does not open: {error!r}", "write it again with skops") from error


def _unpacked(data: bytes, limit_bytes: int) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > limit_bytes:
            raise Refused(f"the file unpacks to more than {limit_bytes >> 30} GB", "save the model with pickle")
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


class _Reader:
    """One file; ``_made`` are the objects of nodes that stand in several places."""

    def __init__(self, data: bytes, builder: Builder, limit_bytes: int) -> None:
        self._files, self._limit = _unpacked(data, limit_bytes), limit_bytes
        self._builder = builder
        self._made: dict[Any, Any] = {}

    def read(self) -> Any:
        return self._node(json.loads(self._files["schema.json"]))

    def _node(self, node: Any) -> Any:
        if type(node) is not dict or type(node.get("__loader__")) is not str:
            raise hostile("a node of the skops file is broken")
        number = node.get("__id__")
        if type(number) is int and number in self._made:
            return self._made[number]
        loader = LOADERS.get(node["__loader__"])
        if loader is None:
            raise hostile(f"the skops file has a node of the kind {node['__loader__'][:40]!r}")
        made = loader(self, node)
        if type(number) is int:
            self._made[number] = made
        return made

    def _nodes(self, nodes: Any) -> list[Any]:
        if type(nodes) is not list:
            raise hostile("a node of the skops file is broken")
        return [self._node(node) for node in nodes]

    def _named(self, node: Node, *suffix: str) -> Any:
        content = node.get("content")
        if type(content) is dict and "module_path" in content:  # a function of skops's first protocol
            return self._builder.find(str(content["module_path"]), str(content["function"]))
        return self._builder.find(str(node["__module__"]), ".".join((str(node["__class__"]), *suffix)))

    def _inert(self, node: Node) -> Any:
        """By a name of ours: a stand-in's name tells which scorer or distance it is, and a file may not choose that."""
        return Inert(str(node["__loader__"]))

    def _json(self, node: Node) -> Any:
        return json.loads(node["content"])

    def _dict(self, node: Node) -> Any:
        names = [f"{kind['__module__']}.{kind['__class__']}" for kind in node["key_types"]["content"]]
        if len(names) != len(node["content"]) or not all(name in KEYS for name in names):
            raise hostile("a dict in the skops file has keys that are no values")
        pairs = zip(names, node["content"].items(), strict=True)
        content = {KEYS[name](key): self._node(value) for name, (key, value) in pairs}
        full = f"{node['__module__']}.{node['__class__']}"
        if full == "builtins.dict":
            return content
        kind = self._named(node)
        made = self._builder.call(kind, ()) if full == "collections.OrderedDict" else self._builder.new(kind, ())
        if isinstance(made, dict):
            made.update(content)
        return made

    def _defaultdict(self, node: Node) -> Any:
        main, factory = (self._node(node["content"][name]) for name in ("main", "default_factory"))
        made = self._builder.call(self._builder.find("collections", "defaultdict"), (factory,))
        made.update(main)
        return made

    def _sequence(self, node: Node) -> Any:
        kinds: dict[str, Callable[[list[Any]], Any]] = {
            "builtins.frozenset": frozenset, "builtins.list": list, "builtins.set": set, "builtins.tuple": tuple,
        }  # fmt: skip
        full = f"{node['__module__']}.{node['__class__']}"
        if full not in kinds:
            raise hostile(f"the skops file has a sequence of its own, {full[:60]}")
        return kinds[full](self._nodes(node["content"]))

    def _bytes(self, node: Node) -> Any:
        raw = self._files[node["file"]]
        return bytearray(raw) if node["__loader__"] == "BytearrayNode" else raw

    def _slice(self, node: Node) -> Any:
        ends = tuple(node["content"][name] for name in ("start", "stop", "step"))
        return self._builder.call(self._builder.find("builtins", "slice"), ends)

    def _partial(self, node: Node) -> Any:
        function, arguments, keywords, namespace = (
            self._node(node["content"][name]) for name in ("func", "args", "kwds", "namespace")
        )
        made = self._builder.call(self._builder.find("functools", "partial"), (function,))
        self._builder.fill(made, (function, arguments, keywords, namespace or None))
        return made

    def _object(self, node: Node) -> Any:
        kind = self._named(node)
        if isinstance(kind, Inert) and kind.full in SEARCH_NAMES:
            made = self._builder.call(self._builder.find(str(node["__module__"]), "newObj"), (kind,))
        else:
            made = self._builder.new(kind, ())
        state = self._node(node["content"]) if node.get("content") is not None else None
        if state is not None:
            self._builder.fill(made, state)
        return made

    def _constructed(self, node: Node) -> Any:
        return self._builder.call(self._named(node), self._node(node["content"]))

    def _tree(self, node: Node) -> Any:
        made = self._builder.call(self._named(node), self._node(node["__reduce__"]["args"]))
        self._builder.fill(made, self._node(node["content"]))
        return made

    def _method(self, node: Node) -> Any:
        """A bound method is a function with an object in it: only what a person trusts by its whole name."""
        return self._named(node, str(node["content"]["func"]))

    def _load(self, raw: bytes) -> Any:
        array = np.load(io.BytesIO(raw), allow_pickle=False)
        checked_dtype(array.dtype)
        return array

    def _array(self, node: Node) -> Any:
        if node.get("type") == "json":
            return self._objects(node)
        array = self._load(self._files[node["file"]])
        return array if node["__class__"] == "ndarray" else array[()]

    def _objects(self, node: Node) -> Any:
        shape = self._node(node["shape"])
        if type(shape) is not tuple or not all(type(length) is int for length in shape):
            raise hostile("an array in the skops file has no usable shape")
        items = self._nodes(node["content"])
        for length in shape[1:]:
            if not all(type(part) is list and len(part) == length for part in items):
                raise hostile("an array in the skops file does not have its items")
            items = [item for part in items for item in part]
        made = np.empty(len(items), object)
        for at, item in enumerate(items):  # one by one: numpy would look into sequences
            made[at] = item
        return made.reshape(shape)

    def _dtype(self, node: Node) -> Any:
        return self._node(node["content"]).dtype

    def _sparse(self, node: Node) -> Any:
        """An npz file, which is a zip of arrays again."""
        parts = {name: self._load(raw) for name, raw in _unpacked(self._files[node["file"]], self._limit).items()}
        state = {name.removesuffix(".npy"): part for name, part in parts.items()}
        made = self._builder.new(self._named(node), ())
        self._builder.fill(made, {**state, "_shape": tuple(state["shape"].tolist())})
        return made


LOADERS: dict[str, Callable[[_Reader, Node], Any]] = {
    "BytearrayNode": _Reader._bytes,
    "BytesNode": _Reader._bytes,
    "ConstructorFromReduceNode": _Reader._constructed,
    "DTypeNode": _Reader._dtype,
    "DefaultDictNode": _Reader._defaultdict,
    "DictNode": _Reader._dict,
    "FunctionNode": _Reader._named,
    "JsonNode": _Reader._json,
    "ListNode": _Reader._sequence,
    "LossNode": _Reader._named,
    "MaskedArrayNode": _Reader._inert,
    "MethodNode": _Reader._method,
    "NdArrayNode": _Reader._array,
    "ObjectNode": _Reader._object,
    "OperatorFuncNode": _Reader._named,
    "PartialNode": _Reader._partial,
    "RandomGeneratorNode": _Reader._inert,
    "RandomStateNode": _Reader._inert,
    "SGDNode": _Reader._named,
    "SetNode": _Reader._sequence,
    "SliceNode": _Reader._slice,
    "SparseMatrixNode": _Reader._sparse,
    "TreeNode": _Reader._tree,
    "TupleNode": _Reader._sequence,
    "TypeNode": _Reader._named,
}
