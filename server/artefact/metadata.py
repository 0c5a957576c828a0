"""Owns the dynonnx metadata in an ONNX file, the contract of convert/ and server/. Knows nothing of sessions or HTTP.

Each value is JSON under its own ``dynonnx.*`` key of the file's ``metadata_props``. A reader refuses a ``FORMAT`` it
does not know, so raise the number only for a change that an old server would misread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import orjson

from server.artefact.known import read_known, within_bounds

FORMAT = 1
PREFIX = "dynonnx."
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
RESERVED_NAMES = frozenset({"stats"})  # of no model: GET /v2/models/stats is the protocol's own
LONGEST_ORIGIN = 512  # characters of where a pickle came from
# A missing value in a tensor of strings, which has no null (a missing number is NaN). It is a Unicode noncharacter,
# which exchanged text does not contain; the empty string may be a category.
MISSING_TEXT = "\ufdd0"
SINCE_1970 = "seconds since 1970-01-01T00:00:00"  # of a date, in the time zone that the model was fitted in

Dtype = Literal["float64", "float32", "int64", "bool", "string"]
Role = Literal["label", "probabilities", "scores", "value", "transformed"]
Kind = Literal["classifier", "regressor", "outlier_detector", "clusterer", "transformer"]
Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a row, in schema order.

    ``input`` names its graph input: the features of one input are the columns of its ``[rows, k]`` matrix, in order.
    ``nullable``: a missing value is allowed. ``categories``: the only values the model accepts; None: it accepts any.
    ``unit``: what its numbers count, where known; of dates `SINCE_1970`. ``known``: values that the model was fitted
    with where it takes any others too, a hint that forbids nothing.
    """

    name: str
    dtype: Dtype
    input: str
    nullable: bool = False
    categories: tuple[Scalar, ...] | None = None
    unit: str | None = None
    known: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """One graph output and its meaning. A classifier with several targets has one ``probabilities`` per target."""

    role: Role
    name: str


@dataclass(frozen=True, slots=True)
class Golden:
    """Synthesised rows with the original model's answers: checked at load, published as examples.

    ``rows``: in schema order, None for a missing value. ``outputs``: by output name the values, rows first.
    """

    rows: tuple[tuple[Scalar, ...], ...]
    outputs: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Artefact:
    """The metadata of a file. ``classes`` keep their JSON type; several targets have a tuple each.

    ``ignored`` names columns that the model was fitted with and does not read: a client may send them, as anything.
    ``origin``: where the pickle came from, in words; empty for a file of a person's own. ``optimisation``: where faster
    graphs were asked for, which was kept and what it gained.
    """

    name: str
    kind: Kind
    features: tuple[Feature, ...]
    outputs: tuple[Output, ...]
    classes: tuple[Scalar, ...] | tuple[tuple[Scalar, ...], ...] | None
    golden: Golden
    producer: Mapping[str, str]
    created: str
    source_sha256: str
    parity: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    origin: str = ""
    optimisation: Mapping[str, Any] = field(default_factory=dict)

    def output_names(self, role: Role) -> tuple[str, ...]:
        """The names of the graph outputs with a role, in target order."""
        return tuple(output.name for output in self.outputs if output.role == role)


class BadArtefact(ValueError):
    """The metadata is damaged or of an unknown format; the message names the key and the reason."""


def to_metadata(artefact: Artefact) -> dict[str, str]:
    """The ``metadata_props`` of an artefact: ``dynonnx.*`` keys, JSON values."""
    values: dict[str, Any] = {
        "format": FORMAT,
        "model": {"name": artefact.name, "kind": artefact.kind},
        "features": artefact.features,
        "outputs": artefact.outputs,
        "classes": artefact.classes,
        "golden": artefact.golden,
        "producer": dict(artefact.producer),
        "created": artefact.created,
        "source_sha256": artefact.source_sha256,
        "parity": dict(artefact.parity),
        **({"ignored": artefact.ignored} if artefact.ignored else {}),
        **({"origin": artefact.origin} if artefact.origin else {}),
        **({"optimisation": dict(artefact.optimisation)} if artefact.optimisation else {}),
    }
    return {PREFIX + key: orjson.dumps(value).decode() for key, value in values.items()}


def from_metadata(metadata: Mapping[str, str]) -> Artefact | None:
    """Reads what `to_metadata` wrote; None for a file without dynonnx metadata.

    Raises BadArtefact for metadata that is damaged or of an unknown format.
    """
    if PREFIX + "format" not in metadata:
        return None
    number = _value(metadata, "format")
    if number != FORMAT:
        raise BadArtefact(f"dynonnx.format is {number!r}; this version reads format {FORMAT}: convert the model again")
    try:
        return _build(metadata)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        if isinstance(error, BadArtefact):
            raise
        raise BadArtefact(f"the dynonnx metadata is damaged: {error!r}") from error


def _build(metadata: Mapping[str, str]) -> Artefact:
    model = _value(metadata, "model")
    if model["kind"] not in get_args(Kind):
        raise BadArtefact(f"dynonnx.model: unknown kind {model['kind']!r}")
    golden = _value(metadata, "golden")
    features = within_bounds(_feature(entry) for entry in _value(metadata, "features"))
    outputs = tuple(_output(entry) for entry in _value(metadata, "outputs"))
    classes = _classes(_value(metadata, "classes"))
    _check_features(features)
    if not outputs or (not classes and any(output.role == "probabilities" for output in outputs)):
        raise BadArtefact("dynonnx.outputs: there is none, or there are probabilities without classes")
    if len({output.name for output in outputs}) < len(outputs):  # each is an answer of every request
        raise BadArtefact("dynonnx.outputs: two have one name")
    return Artefact(
        name=str(model["name"]),
        kind=model["kind"],
        features=features,
        outputs=outputs,
        classes=classes,
        golden=Golden(_rows(golden["rows"], len(features)), _mapping(golden["outputs"], "golden")),
        producer=_mapping(_value(metadata, "producer"), "producer"),
        created=str(_value(metadata, "created")),
        source_sha256=str(_value(metadata, "source_sha256")),
        parity=_mapping(_value(metadata, "parity"), "parity"),
        ignored=_ignored(metadata, {feature.name for feature in features}),
        origin=str(_value(metadata, "origin"))[:LONGEST_ORIGIN] if PREFIX + "origin" in metadata else "",
        optimisation=_mapping(_value(metadata, "optimisation"), "optimisation")
        if PREFIX + "optimisation" in metadata
        else {},
    )


def _classes(value: Any) -> Any:
    several = isinstance(value, list) and value and all(isinstance(target, list) for target in value)
    for target in value if several else [value]:
        if target is None and not several:
            continue
        if not target or not _are_scalars(target) or len(set(target)) < len(target):
            raise BadArtefact("dynonnx.classes: these are no labels, or two are the same")
    return _frozen(value)


def _rows(value: Any, width: int) -> Any:
    if not isinstance(value, list) or not all(_are_scalars(row) and len(row) == width for row in value):
        raise BadArtefact("dynonnx.golden: the rows are no lists of one value for each feature")
    return _frozen(value)


def _are_scalars(values: Any) -> bool:
    return isinstance(values, list) and all(value is None or type(value) in (bool, int, float, str) for value in values)


def _ignored(metadata: Mapping[str, str], taken: Set[str]) -> tuple[str, ...]:
    names = _value(metadata, "ignored") if PREFIX + "ignored" in metadata else []
    if not isinstance(names, list) or not all(isinstance(name, str) and name not in taken for name in names):
        raise BadArtefact("dynonnx.ignored: these are no names of columns besides the features")
    return tuple(names)


def _value(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return orjson.loads(metadata[PREFIX + key])
    except KeyError:
        raise BadArtefact(f"the metadata key {PREFIX}{key} is missing") from None
    except orjson.JSONDecodeError as error:
        raise BadArtefact(f"the metadata key {PREFIX}{key} is not JSON: {error}") from error


def _mapping(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadArtefact(f"the metadata key {PREFIX}{key} is not a JSON object, or its outputs are none")
    return value


def _feature(entry: Mapping[str, Any]) -> Feature:
    if entry["dtype"] not in get_args(Dtype):
        raise BadArtefact(f"dynonnx.features: unknown dtype {entry['dtype']!r} of {entry['name']!r}")
    if not (isinstance(entry["name"], str) and isinstance(entry["input"], str)):
        raise BadArtefact(f"dynonnx.features: the name {entry['name']!r} or its input is not a text")
    categories, unit = entry["categories"], entry.get("unit")
    if categories is not None and not _are_scalars(categories):
        raise BadArtefact(f"dynonnx.features: the categories of {entry['name']!r} are no list of values")
    if not isinstance(unit, str | None):
        raise BadArtefact(f"dynonnx.features: the unit of {entry['name']!r} is not a text")
    named, known = (entry["name"], entry["dtype"], entry["input"]), read_known(entry.get("known", []), entry["dtype"])
    return Feature(*named, bool(entry["nullable"]), _frozen(categories), unit, known)


def _check_features(features: tuple[Feature, ...]) -> None:
    """Raises BadArtefact for features that do not determine how a row becomes tensors."""
    names = {feature.name for feature in features}
    runs = [feature.input for at, feature in enumerate(features) if not at or features[at - 1].input != feature.input]
    columns = {(feature.input, feature.dtype) for feature in features}
    if not features or len(names) < len(features):
        raise BadArtefact("dynonnx.features: there is none, or two have one name")
    if not len(runs) == len(set(runs)) == len(columns):
        raise BadArtefact("dynonnx.features: the columns of one input must stand together and have one dtype")
    for feature in features:
        if feature.nullable and feature.dtype in ("int64", "bool"):
            raise BadArtefact(
                f"dynonnx.features: {feature.name!r} is {feature.dtype}, which cannot hold a missing value"
            )


def _output(entry: Mapping[str, Any]) -> Output:
    if entry["role"] not in get_args(Role):
        raise BadArtefact(f"dynonnx.outputs: unknown role {entry['role']!r} of {entry['name']!r}")
    return Output(entry["role"], entry["name"])


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
