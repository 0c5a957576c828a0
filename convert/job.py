"""Owns one conversion from bytes to bytes: open, describe, export, prove. Knows nothing of files, names or processes.

It runs in the child process, because everything it does touches what the pickle made.
"""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas
from onnx import ModelProto

from convert.errors import Refused
from convert.export import export
from convert.graph.graph import Array
from convert.opening.opener import OpenPolicy, open_model
from convert.optimising.fastest import Proven, candidates, fastest
from convert.original.drawing import draw
from convert.original.original import SAMPLE_ROWS, Answers, Original, mark_booleans, open_original
from convert.original.own_rows import asking_for_rows
from convert.original.schema import describe, without_unread
from convert.original.table import Table, length
from convert.proof.company import Company, ask_alone, measure_company, refuse_company
from convert.proof.constancy import has_one_answer, is_constant
from convert.proof.enough import refuse_sameness, refuse_ties
from convert.proof.golden import golden
from convert.proof.holding import refuse_holdings
from convert.proof.parity import Proof, batched, find_accidents, prove
from convert.proof.questions import Groups, ask_by_halves, ask_few_rows, ask_proof_rows
from convert.proof.rows.usual import usual
from convert.proof.speed import feeds_of, ratios
from convert.proof.user_rows import column_names, kinds_of, texts_of
from convert.tracing.steps import Traced, capture, own_steps, sharing
from server.artefact.metadata import Artefact, Feature, Golden, Output, to_metadata
from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import Runtime

COMPARING_FROM = 0.4  # of all the work, when the comparison begins
LARGE_BYTES = 1 << 20  # of a file: the rows of a larger one are asked alone here and there if its graph parts them

Tell = Callable[[str, float], None]  # what is under way, and how much of all is done


@dataclass(frozen=True, slots=True)
class Converted:
    """What comes out: the file's bytes, unless the proof failed; and what a report says."""

    onnx: bytes
    artefact: Artefact
    proof: Proof
    speed: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the original was asked for the proof and what it answered, by group; which answers are accidents [rows]."""

    original: Original
    features: tuple[Feature, ...]
    groups: Groups
    expected: Mapping[str, Answers]
    accidents: Mapping[str, Array]
    company: Company | None


def convert(
    pickled: bytes,
    name: str,
    data: Any | None,
    policy: OpenPolicy,
    tell: Tell,
    allow_ties: bool = False,
    method: str = "",
    origin: str = "",
    optimise: str = "safe",
    alone: bool = False,
) -> Converted:
    """Makes the artefact of a pickle. ``allow_ties``: also where many answers are accidents. Raises Refused.

    ``method`` "transform": of a model that predicts and transforms, what it transforms. ``origin``: where the pickle
    came from. ``optimise`` "fast": of graphs that may be faster the fastest that passes the proof. ``alone``: what a
    model answers to a row alone counts, where others beside it change that.
    """
    tell("opening the pickle", 0.0)
    booleans = _booleans_of(data)
    opened = open_model(pickled, policy)
    original = open_original(opened, policy.witness, method, kinds_of(data), booleans, texts_of(data))
    original = ask_alone(without_unread(with_booleans(_with_names(original, data), booleans)))
    tell(f"asking the {type(original.model).__name__} what its rows look like", 0.1)
    features = describe(original)
    company = measure_company(original, features, alone)
    own = own_steps_of(original, features)
    few = _ask_few_rows(original, features, own)
    tell("building the graph", 0.15)
    exported = export(original, features, few, own)
    tell("asking for the answers to 10,000 rows", 0.2)
    asked = _ask(original, features, data, exported.accidents, company)
    kept, optimisation = _prove(exported.model, asked, tell, allow_ties, optimise == "fast")
    artefact = Artefact(
        name=name,
        kind=original.kind,
        features=features,
        outputs=exported.outputs,
        classes=original.classes(few),
        golden=_golden(asked, exported.outputs, kept.runtime),
        producer=_producer(policy),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        source_sha256=hashlib.sha256(pickled).hexdigest(),
        parity=kept.proof.as_json(),
        ignored=tuple(name for _, name in original.unread),
        origin=origin,
        optimisation=optimisation,
    )
    return _finished(kept, artefact, asked)


def _ask(
    original: Original,
    features: tuple[Feature, ...],
    data: Any | None,
    accidents: ModelProto | None,
    company: Company | None,
) -> _Asked:
    groups, expected = ask_proof_rows(original, features, data)
    marked = find_accidents(_opened(accidents), features, groups)
    refuse_company(original, groups, expected, marked)
    refuse_holdings(original, features, data)
    return _Asked(original, features, groups, expected, marked, company)


def _prove(model: ModelProto, asked: _Asked, tell: Tell, allow_ties: bool, fast: bool) -> tuple[Proven, dict[str, Any]]:
    """What is kept, proven, and what the file says of faster graphs: nothing unless ``fast`` asks for them.

    Raises Refused where the proof says too little.
    """
    proven = functools.partial(
        prove,
        features=asked.features,
        groups=asked.groups,
        expected=asked.expected,
        accidents=asked.accidents,
        company=asked.company,
        unsure=asked.original.unsure,
        tell=tell_of_comparison(tell, asked.groups),
    )
    file = model.SerializeToString()
    runtime = Runtime(file)
    safe = Proven(model, runtime, proven(runtime, apart=len(file) > LARGE_BYTES and find_mixing(file) is None))
    if not allow_ties:
        refuse_ties(safe.proof)
    by_nature = is_constant(model) or has_one_answer(asked.original.model, asked.features)
    refuse_sameness(safe.proof, by_nature, asked.expected.get("data"))
    if not fast or safe.proof.wrong:
        return safe, {}
    return fastest(safe, proven, feeds_of(asked.groups["usual"], asked.features), candidates(model))


def _finished(kept: Proven, artefact: Artefact, asked: _Asked) -> Converted:
    kept.model.doc_string = draw(asked.original.model)
    speed = ratios(asked.original, kept.runtime, asked.features, asked.groups["usual"])
    return Converted(_with_metadata(kept.model, to_metadata(artefact)), artefact, kept.proof, speed)


def _ask_few_rows(original: Original, features: tuple[Feature, ...], own: Traced | None) -> Answers:
    """Raises Refused; where a person's own step is why it answers no row, with what that step does."""
    try:
        return ask_few_rows(original, features)
    except Refused as refused:
        if own is not None:
            own.check(original.model)
        raise asking_for_rows(refused, original) from refused


def own_steps_of(original: Original, features: Sequence[Feature]) -> Traced | None:
    """Who exports a person's own steps, which are recorded over usual rows; None where there are none."""
    if not any(own_steps(original.model)):
        return None
    rows = usual(np.random.default_rng(1), tuple(features), original.hints, SAMPLE_ROWS)
    taken = ask_by_halves(original, rows)  # of rows that it does not take, such as beyond fixed edges, none is recorded
    rows = rows if taken is None else taken[0]
    samples = capture(original.model, lambda: original.ask(rows))
    return Traced(samples, set(sharing(original.model)))


def _golden(asked: _Asked, outputs: Sequence[Output], runtime: Runtime) -> Golden:
    def labels(table: Table) -> Array:
        """What the file answers first, which are labels where there are any."""
        return next(iter(batched(runtime, asked.features, table).values()))

    return golden(asked.groups, asked.expected, asked.accidents, outputs, labels)


def _opened(model: ModelProto | None) -> Runtime | None:
    return None if model is None else Runtime(model.SerializeToString())


def _with_names(original: Original, data: Any | None) -> Original:
    """A model that was fitted on an array has no column names; those of --data are better than x0, x1, ..."""
    if original.named or original.form == "texts" or data is None:
        return original
    names = column_names(data, len(original.names))
    return original if names is None else replace(original, names=names)


def with_booleans(original: Original, booleans: Collection[str]) -> Original:
    """The original whose columns of these names hold booleans."""
    mark_booleans(original.names, original.hints, booleans)
    return original


def _booleans_of(data: Any | None) -> set[str]:
    columns = {} if data is None else {str(name): column for name, column in data.items()}
    return {name for name, column in columns.items() if _holds_booleans(column)}


def _holds_booleans(column: Any) -> bool:
    """Whether this is a column of booleans, pandas' own among them, none of them missing."""
    return bool(pandas.api.types.is_bool_dtype(column.dtype) and not pandas.isna(column).any())


def tell_of_comparison(tell: Tell, groups: Groups) -> Callable[[float], None]:
    """Tells of the comparison by the share of it that is done; it is what remains after the graph."""
    text = f"comparing {sum(map(length, groups.values())):,} rows, together and alone"
    tell(text, COMPARING_FROM)
    return lambda share: tell(text, COMPARING_FROM + (1 - COMPARING_FROM) * share)


def _producer(policy: OpenPolicy) -> dict[str, str]:
    packages = ("scikit-learn", "numpy", "onnx", "onnxruntime")
    versions = {"python": platform.python_version(), **{package: version(package) for package in packages}}
    if policy.witness is not None:
        versions["original"] = policy.witness.told
    return versions | ({"warning": "pickled with another scikit-learn"} if policy.any_version else {})


def _with_metadata(model: ModelProto, entries: Mapping[str, str]) -> bytes:
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())
