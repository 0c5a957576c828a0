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

from server.artefact.metadata import NAME_PATTERN, Artefact, BadArtefact, from_metadata
from server.artefact.onnxfile import MAX_BYTES, BadFile, check_known, read_onnxfile
from server.artefact.runtime import CostCurve, Runtime
from server.artefact.tensors import InputLayout, TensorSpec
from server.codecs.predict import SimpleCodec, codec_of_artefact, codec_of_signature
from server.codecs.v2.codec import TensorCodec, labels_of
from server.errors import ServerError
from server.models.bulletin import Bulletin
from server.models.probe import probe, run_once
from server.models.trial import Findings, Verdict, examine, first_run, warm_up

NO_MODEL = "no model is loaded; convert one into the models folder, and it serves within seconds"


class Place(NamedTuple):
    """Where a version of a model lies."""

    name: str
    version: str
    path: Path


class Found(NamedTuple):
    """What lies in the folder. ``misplaced``: what cannot be told apart or named, and why."""

    places: tuple[Place, ...]
    misplaced: dict[tuple[str, str], str]


class BadRepository(ValueError):
    """The folder cannot be served as it is; the message says what to change."""


class ChangedMeanwhile(Exception):
    """The file is not the one that was tried."""


@dataclass(frozen=True, slots=True)
class Model:
    """One version, loaded, tried and warm. Made before the fork; it never changes."""

    name: str
    version: str
    sha256: str
    runtime: Runtime
    artefact: Artefact | None
    codec: SimpleCodec | None
    tensors: TensorCodec
    layouts: tuple[InputLayout, ...]
    verdict: Verdict
    curve: CostCurve


class Repository:
    """Models by name and version, the highest version first, and why others were refused."""

    def __init__(
        self,
        models: Sequence[Model],
        refused: Mapping[tuple[str, str], str] | Bulletin,
        default_model: str | None = None,
    ) -> None:
        self._refused = refused
        self.models: dict[str, dict[str, Model]] = {}
        for model in sorted(models, key=lambda model: version_key(model.version), reverse=True):
            self.models.setdefault(model.name, {})[model.version] = model
        self.models = dict(sorted(self.models.items()))
        self.default_model = default_model or (next(iter(self.models)) if len(self.models) == 1 else None)

    @property
    def refused(self) -> Mapping[tuple[str, str], str]:
        """Versions whose file does not serve, and why; on a bulletin it may change at any time."""
        return self._refused.read() if isinstance(self._refused, Bulletin) else self._refused

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
            raise ServerError("model_unavailable", NO_MODEL)
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


def scan(folder: Path) -> Found:
    """Every version in the folder, by name, then by version. Raises OSError where the folder cannot be read."""
    if not folder.is_dir():
        return Found((), {})
    places: list[Place] = []
    misplaced: dict[tuple[str, str], str] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.suffix == ".onnx" and not entry.is_dir():
            if (folder / entry.stem).is_dir():
                misplaced[entry.stem, "1"] = (
                    f"{entry.name} and {entry.stem}/ both hold a model '{entry.stem}': remove one"
                )
            else:
                places.append(Place(entry.stem, "1", entry))
        elif entry.is_dir() and not (folder / f"{entry.name}.onnx").is_file():
            files = (file for file in entry.glob("*/model.onnx") if not file.parent.name.startswith("."))
            places += [Place(entry.name, file.parent.name, file) for file in files]
    for place in places:
        if not (NAME_PATTERN.fullmatch(place.name) and NAME_PATTERN.fullmatch(place.version)):
            misplaced[_shown(place.name), _shown(place.version)] = (
                f"{_shown(str(place.path.relative_to(folder)))}: a model name and a version are letters, digits, '_',"
                " '.' and '-', at most 64 characters, the first a letter or a digit; rename it"
            )
    named = (place for place in places if (_shown(place.name), _shown(place.version)) not in misplaced)
    return Found(tuple(sorted(named, key=lambda place: (place.name, version_key(place.version)))), misplaced)


def _shown(name: str) -> str:
    """A file's name as text: the system may hold bytes that are none."""
    return name.encode("utf-8", "backslashreplace").decode()


def load_model(
    place: Place, tried: Findings | None = None, *, max_rows: int, max_batch_rows: int, ort_threads: int
) -> Model:
    """Opens, tries and warms one version; one that was ``tried`` in another process is only opened and run once.

    Raises BadFile, BadModel, BadArtefact, TrialFailed, ServerError or OSError; ChangedMeanwhile for another file.
    """
    data = _read(place.path)
    sha256 = hashlib.sha256(data).hexdigest()
    if tried is None:
        check_known(read_onnxfile(data))
    elif tried.sha256 != sha256:
        raise ChangedMeanwhile
    runtime = Runtime(data, ort_threads)
    artefact = from_metadata(runtime.metadata)
    if artefact is not None:
        codec = _codec_of_artefact(artefact, place.version, max_rows)
    else:
        codec = codec_of_signature(runtime.inputs, runtime.outputs, place.version, max_rows)
    layouts = codec.layouts if codec else ()
    if codec is not None:
        _check_inputs(layouts, runtime.inputs)
    if tried is not None:
        verdict, curve = tried.verdict, tried.curve
        first_run(runtime, artefact, layouts) if artefact else run_once(runtime)
    elif artefact is not None:
        verdict = examine(runtime, artefact, layouts)
        curve = warm_up(runtime, artefact, layouts, max_batch_rows)
    else:
        verdict, curve = probe(runtime, max_batch_rows)
    tensors = TensorCodec(
        place.name,
        place.version,
        runtime.inputs,
        runtime.outputs,
        joinable=verdict.joinable,
        labels=labels_of(artefact),
        max_rows=max_rows,
    )
    return Model(place.name, place.version, sha256, runtime, artefact, codec, tensors, layouts, verdict, curve)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise BadFile("is not a file: put the .onnx file itself here")
    if path.stat().st_size > MAX_BYTES:
        raise BadFile(f"is larger than the {MAX_BYTES} bytes that an ONNX file may have: make the model smaller")
    return path.read_bytes()


def _codec_of_artefact(artefact: Artefact, version: str, max_rows: int) -> SimpleCodec | None:
    try:
        return codec_of_artefact(artefact, version, max_rows)
    except (IndexError, TypeError, ValueError) as error:
        raise BadArtefact(f"the classes do not fit the outputs, or the categories their features: {error}") from error


def _check_inputs(layouts: Sequence[InputLayout], inputs: Sequence[TensorSpec]) -> None:
    found = {spec.name: spec.dtype for spec in inputs}
    wanted = {layout.name: layout.dtype for layout in layouts}
    if found != wanted:
        raise BadArtefact(f"the features describe the inputs {_told(wanted)}, the graph has {_told(found)}")


def _told(dtypes: Mapping[str, Any]) -> str:
    return ", ".join(f"'{name}' of {dtype}" for name, dtype in sorted(dtypes.items()))
