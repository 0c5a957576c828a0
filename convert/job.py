"""Owns one conversion from bytes to bytes: open, describe, export, prove. Knows nothing of files, names or processes.

It runs in the child process, because everything it does touches what the pickle made.
"""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
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
from convert.original.original import SAMPLE_ROWS, Answers, Original, open_original
from convert.original.schema import describe, without_unread
from convert.original.table import Table, length
from convert.proof.company import refuse_company
from convert.proof.constancy import has_one_answer, is_constant
from convert.proof.golden import golden
from convert.proof.parity import Proof, batched, find_accidents, prove
from convert.proof.questions import Groups, ask_by_halves, ask_few_rows, ask_proof_rows
from convert.proof.rows.usual import usual
from convert.proof.speed import feeds_of, ratios
from convert.proof.user_rows import column_names, kinds_of
from convert.tracing.steps import Traced, capture, own_steps, sharing
from server.artefact.metadata import Artefact, Feature, to_metadata
from server.artefact.runtime import Runtime

MOST_ACCIDENTS = 0.02  # of rows like those that the model remembers: KNN on iris has 1.3 %, on a survey 3 to 38 %
MOST_ALIKE = 0.99  # of the rows may have one answer; a tree of two leaves has 0.5
COMPARING_FROM = 0.4  # of all the work, when the comparison begins

Tell = Callable[[str, float], None]  # what is under way, and how much of all is done


@dataclass(frozen=True, slots=True)
class Converted:
    """What comes out: the file's bytes, unless the proof failed; and what a report says."""

    onnx: bytes
    artefact: Artefact
    proof: Proof
    speed: Mapping[str, float]


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
) -> Converted:
    """Makes the artefact of a pickle. ``allow_ties``: also where many answers are accidents. Raises Refused.

    ``method`` "transform": of a model that predicts and transforms, what it transforms. ``origin``: where the pickle
    came from. ``optimise`` "fast": of graphs that may be faster the fastest that passes the proof.
    """
    tell("opening the pickle", 0.0)
    original = open_original(open_model(pickled, policy), policy.witness, method, kinds_of(data))
    original = without_unread(_with_booleans(_with_names(original, data), data))
    tell(f"asking the {type(original.model).__name__} what its rows look like", 0.1)
    features = describe(original)
    own = own_steps_of(original, features)
    few = _ask_few_rows(original, features, own)
    tell("building the graph", 0.15)
    exported = export(original, features, few, own)
    outputs = exported.outputs
    tell("asking for the answers to 10,000 rows", 0.2)
    groups, expected = ask_proof_rows(original, features, data)
    runtime = Runtime(exported.model.SerializeToString())
    accidents = find_accidents(_opened(exported.accidents), features, groups)
    refuse_company(original, groups, expected, accidents)
    tell_share = tell_of_comparison(tell, groups)
    proven = functools.partial(
        prove, features=features, groups=groups, expected=expected, accidents=accidents, tell=tell_share
    )
    kept = Proven(exported.model, runtime, proven(runtime))
    if not allow_ties:
        refuse_ties(kept.proof)
    if data is None:
        refuse_sameness(kept.proof, is_constant(exported.model) or has_one_answer(original.model, features))
    optimisation: Mapping[str, Any] = {}
    if optimise == "fast" and not kept.proof.wrong:
        kept, optimisation = fastest(kept, proven, feeds_of(groups["usual"], features), candidates(kept.model))
    artefact = Artefact(
        name=name,
        kind=original.kind,
        features=features,
        outputs=outputs,
        classes=original.classes(few),
        golden=golden(groups, expected, accidents, outputs, _labels_by(kept.runtime, features)),
        producer=_producer(policy),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        source_sha256=hashlib.sha256(pickled).hexdigest(),
        parity=kept.proof.as_json(),
        ignored=tuple(name for _, name in original.unread),
        origin=origin,
        optimisation=optimisation,
    )
    kept.model.doc_string = draw(original.model)
    speed = ratios(original, kept.runtime, features, groups["usual"])
    return Converted(_with_metadata(kept.model, to_metadata(artefact)), artefact, kept.proof, speed)


def _ask_few_rows(original: Original, features: tuple[Feature, ...], own: Traced | None) -> Answers:
    """Raises Refused; where a person's own step is why it answers no row, with what that step does."""
    try:
        return ask_few_rows(original, features)
    except Refused:
        if own is not None:
            own.check(original.model)
        raise


def own_steps_of(original: Original, features: Sequence[Feature]) -> Traced | None:
    """Who exports a person's own steps, which are recorded over usual rows; None where there are none."""
    if not any(own_steps(original.model)):
        return None
    rows = usual(np.random.default_rng(1), tuple(features), original.hints, SAMPLE_ROWS)
    taken = ask_by_halves(original, rows)  # of rows that it does not take, such as beyond fixed edges, none is recorded
    rows = rows if taken is None else taken[0]
    samples = capture(original.model, lambda: original.ask(rows))
    return Traced(samples, set(sharing(original.model)))


def _labels_by(runtime: Runtime, features: Sequence[Feature]) -> Callable[[Table], Array]:
    """What the file answers first, which are labels where there are any."""
    return lambda table: next(iter(batched(runtime, features, table).values()))


def _opened(model: ModelProto | None) -> Runtime | None:
    return None if model is None else Runtime(model.SerializeToString())


def refuse_ties(proof: Proof) -> None:
    """Raises Refused where answers that are accidents are common, or labels that differ where the best scores tie."""
    if not proof.wrong and proof.tie_share > MOST_ACCIDENTS:
        raise Refused(
            f"in {proof.tie_share:.1%} of rows its two best classes have one score and the file would choose the other,"
            " so that its labels are hardly compared at all",
            "fit it so that its scores tell the classes apart, or take such labels as they fall with --allow-ties",
        )
    if not proof.wrong and proof.accident_share > MOST_ACCIDENTS:
        raise Refused(
            f"of rows like those it remembers {proof.accident_share:.1%} have more neighbours at one distance than it "
            "asks: which of them it takes is an accident of scikit-learn's search, which no file can repeat",
            "use more or finer columns, or take such answers as they fall with --allow-ties",
        )


def refuse_sameness(proof: Proof, by_nature: bool) -> None:
    """Raises Refused where nearly all rows have one answer, unless the model has no other ``by_nature``."""
    if not proof.wrong and proof.spread.commonest > MOST_ALIKE and not by_nature:
        raise Refused(
            f"{proof.spread.commonest:.2%} of the rows made up from it have one and the same answer "
            f"({proof.spread.distinct:,} in all), so that comparing them would prove nothing",
            "give rows that it answers differently: --data ROWS.csv",
        )


def _with_names(original: Original, data: Any | None) -> Original:
    """A model that was fitted on an array has no column names; those of --data are better than x0, x1, ..."""
    if original.named or original.form == "texts" or data is None:
        return original
    names = column_names(data, len(original.names))
    return original if names is None else replace(original, names=names)


def _with_booleans(original: Original, data: Any | None) -> Original:
    """A model does not remember which of its numbers were booleans; --data shows it."""
    columns = {} if data is None else {str(name): column for name, column in data.items()}
    for name, hint in zip(original.names, original.hints, strict=True):
        if name in columns and _holds_booleans(columns[name]) and not hint.text and {*hint.known} <= {0, 1}:
            hint.boolean, hint.known = True, []
    return original


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
