"""Owns the folder of artefacts: which models and versions there are, and each one loaded. Knows no HTTP.

``<name>/<version>/model.onnx``, or ``<name>.onnx`` for version 1. Requests never touch the folder: they look up a dict.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from server.artefact import NAME_PATTERN, Artefact, BadArtefact, from_metadata
from server.codecs.simple import SimpleCodec, codec_of_artefact, codec_of_signature
from server.codecs.tensors import InputLayout, TensorSpec
from server.errors import ServerError
from server.logs import log
from server.runtime import BadModel, CostCurve, Runtime
from server.trial import TrialFailed, Verdict, examine, warm_up


class Place(NamedTuple):
    """Where a version of a model lies."""

    name: str
    version: str
    path: Path


class BadRepository(ValueError):
    """The folder cannot be served as it is; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Model:
    """One version, loaded, tried and warm. Made before the fork; it never changes."""

    name: str
    version: str
    sha256: str
    runtime: Runtime
    artefact: Artefact | None
    codec: SimpleCodec | None
    layouts: tuple[InputLayout, ...]
    verdict: Verdict
    curve: CostCurve


class Repository:
    """Models by name and version, the highest version first, and why others were refused."""

    def __init__(
        self, models: Sequence[Model], refused: Mapping[tuple[str, str], str], default_model: str | None = None
    ) -> None:
        self.refused = dict(refused)
        self.models: dict[str, dict[str, Model]] = {}
        for model in sorted(models, key=lambda model: version_key(model.version), reverse=True):
            self.models.setdefault(model.name, {})[model.version] = model
        self.models = dict(sorted(self.models.items()))
        self.default_model = default_model or (next(iter(self.models)) if len(self.models) == 1 else None)

    def get(self, name: str, version: str | None = None) -> Model:
        """The model asked for, its highest version where none is named. Raises ServerError ``not_found`` and others."""
        versions = self.models.get(name)
        if versions and version is None:
            return next(iter(versions.values()))
        if versions and version in versions:
            return versions[version]
        if any(name == refused and version in (None, number) for refused, number in self.refused):
            raise ServerError("model_unavailable", "this model did not load; GET /models says why")
        raise ServerError("not_found", "there is no such model or version; GET /models lists what is served")

    def get_default(self) -> Model:
        """What `/predict` alone serves. Raises ServerError."""
        if self.default_model is not None:
            return self.get(self.default_model)
        if not self.models:
            raise ServerError("model_unavailable", "no model is loaded; convert one into the models folder")
        raise ServerError("not_found", "several models are served: name one as in /models/NAME/predict")

    def __iter__(self) -> Iterator[Model]:
        return (model for versions in self.models.values() for model in versions.values())


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Natural order: 2 < 10, 1.9.0 < 1.10.0, and 1.0.0-rc1 before 1.0.0."""
    pieces: list[tuple[int, int, str]] = []
    for token in re.findall(r"[0-9]+|[A-Za-z]+|-", version):
        # A number ranks above the end of a version, the end above a dash or a word: 1.0 < 1.0.1, 1.0-rc1 < 1.0.
        pieces.append((2, int(token), "") if token.isdigit() else (0, 0, token))
    return (*pieces, (1, 0, ""), (0, 0, version))  # the text itself last: 1.0 and 1_0 differ, in one order


def scan(folder: Path) -> tuple[Place, ...]:
    """Every version in the folder, by name, then by version. Raises BadRepository for what cannot be told apart."""
    if not folder.is_dir():
        return ()
    places: list[Place] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.suffix == ".onnx" and entry.is_file():
            if (folder / entry.stem).is_dir():
                raise BadRepository(f"{entry.name} and {entry.stem}/ both hold a model '{entry.stem}': remove one")
            places.append(Place(entry.stem, "1", entry))
        elif entry.is_dir():
            files = (file for file in entry.glob("*/model.onnx") if not file.parent.name.startswith("."))
            places += [Place(entry.name, file.parent.name, file) for file in files]
    for place in places:
        if not (NAME_PATTERN.fullmatch(place.name) and NAME_PATTERN.fullmatch(place.version)):
            raise BadRepository(
                f"{place.path}: a model name and a version are letters, digits, '_', '.', '-', at most 64 characters"
            )
    return tuple(sorted(places, key=lambda place: (place.name, version_key(place.version))))


def load_model(place: Place, *, max_rows: int, max_batch_rows: int, ort_threads: int) -> Model:
    """Opens, tries and warms one version. Raises BadModel, BadArtefact, TrialFailed or OSError."""
    data = place.path.read_bytes()
    runtime = Runtime(data, ort_threads)
    artefact = from_metadata(runtime.metadata)
    if artefact is not None:
        codec = _codec_of_artefact(artefact, place.version, max_rows)
    else:
        codec = codec_of_signature(runtime.inputs, runtime.outputs, place.version, max_rows)
    layouts = codec.layouts if codec else tuple(map(_layout, runtime.inputs))
    _check_inputs(layouts, runtime.inputs)
    verdict = examine(runtime, artefact, layouts)
    curve = warm_up(runtime, artefact, layouts, max_batch_rows)
    return Model(
        place.name, place.version, hashlib.sha256(data).hexdigest(), runtime, artefact, codec, layouts, verdict, curve
    )


def _codec_of_artefact(artefact: Artefact, version: str, max_rows: int) -> SimpleCodec | None:
    try:
        return codec_of_artefact(artefact, version, max_rows)
    except (IndexError, TypeError, ValueError) as error:
        raise BadArtefact(f"the classes do not fit the outputs, or the categories their features: {error}") from error


def _layout(spec: TensorSpec) -> InputLayout:
    if not spec.shape or spec.shape[0] is not None or None in spec.shape[1:]:
        raise BadModel(
            f"input '{spec.name}' is {list(spec.shape)}; only inputs with rows first and the rest fixed serve"
        )
    return InputLayout(spec.name, spec.dtype, tuple(size for size in spec.shape[1:] if size is not None))


def _check_inputs(layouts: Sequence[InputLayout], inputs: Sequence[TensorSpec]) -> None:
    found = {spec.name: spec.dtype for spec in inputs}
    wanted = {layout.name: layout.dtype for layout in layouts}
    if found != wanted:
        raise BadArtefact(f"the features describe the inputs {_told(wanted)}, the graph has {_told(found)}")


def _told(dtypes: Mapping[str, Any]) -> str:
    return ", ".join(f"'{name}' of {dtype}" for name, dtype in sorted(dtypes.items()))


def load_repository(
    folder: Path, *, default_model: str | None, strict: bool, max_rows: int, max_batch_rows: int, ort_threads: int
) -> Repository:
    """Loads all there is. What does not load is told and left out, or with ``strict`` raises BadRepository."""
    models: list[Model] = []
    refused: dict[tuple[str, str], str] = {}
    for place in scan(folder):
        try:
            model = load_model(place, max_rows=max_rows, max_batch_rows=max_batch_rows, ort_threads=ort_threads)
        except (BadModel, BadArtefact, TrialFailed, ServerError, OSError) as error:
            refused[place.name, place.version] = str(error)
            if strict:
                raise BadRepository(f"{place.name} {place.version} does not load: {error}") from error
            log.error("model refused: %s", error, extra={"model": place.name, "version": place.version})
        else:
            models.append(model)
    if default_model is not None and default_model not in {place for place, _ in refused} | {m.name for m in models}:
        raise BadRepository(f"DYNONNX_DEFAULT_MODEL is {default_model!r}, but {folder} has no such model")
    return Repository(models, refused, default_model)
