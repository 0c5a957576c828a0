"""Owns the loading of one file as a model: read, open, try, warm up, make codecs. Knows no folder and no HTTP."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import Any, NamedTuple

from server.artefact.description import description_of
from server.artefact.metadata import Artefact, BadArtefact, from_metadata
from server.artefact.mixing.analysis import find_mixing
from server.artefact.onnxfile import BadFile, check_known, read_onnxfile
from server.artefact.runtime import Runtime
from server.artefact.tensors import InputLayout, TensorSpec
from server.codecs.mlflow.codec import MlflowCodec, mlflow_codec
from server.codecs.predict import PredictCodec, codec_of_artefact, codec_of_signature
from server.codecs.v2.codec import TensorCodec, labels_of
from server.models.cost_bound import has_cost_by_rows, pads_texts
from server.models.files import ChangedMeanwhile, read_inside
from server.models.folder import VersionFile
from server.models.probe import probe
from server.models.repository import Model
from server.models.signed import Check, read_signature
from server.models.trial import Findings, Verdict, examine, warm_up
from server.settings import BatchRule, Settings

MOST_INPUTS, MOST_OUTPUTS = 16_384, 1024
# docs/decisions.md: "What is slow to open is refused"
OPENING_SECONDS, BYTES_PER_SECOND = 3.0, 20_000_000


class Given(NamedTuple):
    """What a version's file holds, and the signature beside it, None without."""

    data: bytes
    signature: bytes | None


def load_model(
    file: VersionFile,
    tried: Findings | None = None,
    *,
    given: Given | None = None,
    max_rows: int,
    max_batch_rows: int,
    max_body_bytes: int,
    ort_threads: int,
    batch: BatchRule,
    check_signed: Check | None = None,
) -> Model:
    """Opens, tries and warms up a version; with the findings of its trial elsewhere only opens it.

    ``given``: what was read already.
    Raises BadFile, BadModel, BadArtefact, TrialFailed, ServerError, OSError; ChangedMeanwhile for other bytes.
    """
    data, signature = read_whole(file, tried.size if tried else None) if given is None else given
    if check_signed is not None:
        check_signed(file, data, signature)
    sha256 = hashlib.sha256(data).hexdigest()
    content = None
    if tried is None:
        content = read_onnxfile(data)
        check_known(content)
    elif tried.sha256 != sha256:
        raise ChangedMeanwhile
    began = process_time()
    runtime = Runtime(data, ort_threads)
    _check_tensors(runtime)
    artefact = from_metadata(runtime.metadata)
    description = b"" if artefact is None else description_of(artefact)
    predict, mlflow = _row_codecs(runtime, artefact, file.version, max_rows)
    if tried is None:
        _check_opening(process_time() - began, len(data))
    layouts = predict.layouts if predict else ()
    if predict is not None:
        _check_inputs(layouts, runtime.inputs)
    if tried is not None:
        verdict, curve = tried.verdict, tried.curve
    elif artefact is not None:
        verdict = examine(runtime, artefact, layouts, predict.groups if predict else ())
        curve = warm_up(runtime, artefact, layouts, max_batch_rows)
    else:
        verdict, curve = probe(runtime, max_batch_rows)
    if tried is None and batch == "proven":
        verdict = Verdict(verdict.golden_rows, find_mixing(data) or verdict.mixing)
    v2 = TensorCodec(
        file.name,
        file.version,
        runtime.inputs,
        runtime.outputs,
        row_independent=verdict.row_independent,
        labels=labels_of(artefact),
        max_rows=max_rows,
        max_body_bytes=max_body_bytes,
    )
    if content is not None:
        pads = pads_texts(content.operators)
        cost_by_rows = has_cost_by_rows(
            content.operators, runtime.inputs, ours=artefact is not None, row_independent=verdict.row_independent
        )
    else:
        cost_by_rows = tried is not None and tried.cost_by_rows
        pads = tried is not None and tried.pads_texts
    return Model(
        *(file.name, file.version, sha256, len(data), runtime, artefact, predict, mlflow, v2, verdict, curve),
        cost_by_rows=cost_by_rows,
        repeatable=_is_repeatable(data, proven=batch == "proven" and verdict.row_independent),
        pads_texts=pads,
        description=description,
    )


def _is_repeatable(data: bytes, *, proven: bool) -> bool:
    """Whether no operator may draw by chance: all that do are refused but Dropout, which draws where it trains.

    ``proven``: that it does not was read from the graph. Else the name alone counts, wherever in the file it stands.
    """
    return proven or b"Dropout" not in data


def loader(settings: Settings, check_signed: Check | None) -> Callable[..., Model]:
    """`load_model` as the settings have it."""
    return functools.partial(
        load_model,
        max_rows=settings.max_rows,
        max_batch_rows=settings.max_batch_rows,
        max_body_bytes=settings.max_body_bytes,
        ort_threads=settings.ort_threads,
        batch=settings.batch,
        check_signed=check_signed,
    )


def _check_tensors(runtime: Runtime) -> None:
    """Raises BadFile for a graph of very many tensors: a request of 100 bytes would have an answer of each output."""
    for what, tensors, most in (("inputs", runtime.inputs, MOST_INPUTS), ("outputs", runtime.outputs, MOST_OUTPUTS)):
        if len(tensors) > most:
            raise BadFile(f"has {len(tensors)} {what}, more than {most}: export it with wider ones")


def _check_opening(spent: float, size: int) -> None:
    """Raises BadFile where opening cost more than a process that must not stand still can spend on it again.

    ``spent``: seconds, on the session and on all that is made of the metadata; ``size``: bytes of the file.
    """
    most = OPENING_SECONDS + size / BYTES_PER_SECOND
    if spent > most:
        raise BadFile(
            f"took {spent:.1f} s of processor time to open, more than {most:.1f} s: export it with fewer functions,"
            " fewer constants that are computed and less metadata"
        )


def read_whole(file: VersionFile, size: int | None = None) -> Given:
    """Reads a version and its signature. Raises BadFile, OSError; ChangedMeanwhile if it has not this ``size``."""
    folder = file.folder or file.path.parent
    return Given(read_inside(folder, file.path, size), read_signature(folder, file.path))


def _row_codecs(
    runtime: Runtime, artefact: Artefact | None, version: str, max_rows: int
) -> tuple[PredictCodec | None, MlflowCodec | None]:
    mlflow = functools.partial(mlflow_codec, artefact, runtime.inputs, runtime.outputs, max_rows)
    if artefact is None:
        return codec_of_signature(runtime.inputs, runtime.outputs, version, max_rows), mlflow()
    try:
        return codec_of_artefact(artefact, version, max_rows), mlflow()
    except (IndexError, TypeError, ValueError) as error:
        raise BadArtefact(f"the classes do not fit the outputs, or the categories their features: {error}") from error


def _check_inputs(layouts: Sequence[InputLayout], inputs: Sequence[TensorSpec]) -> None:
    dtypes = {spec.name: spec.dtype for spec in inputs}
    described = {layout.name: layout.dtype for layout in layouts}
    if dtypes != described:
        raise BadArtefact(f"the features describe the inputs {_listed(described)}, the graph has {_listed(dtypes)}")


def _listed(dtypes: Mapping[str, Any]) -> str:
    return ", ".join(f"'{name}' of {dtype}" for name, dtype in sorted(dtypes.items()))
