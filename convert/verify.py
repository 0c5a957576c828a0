"""Owns the repeated proof: a pickle against any ONNX file. Knows nothing of how the file was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convert.errors import Refused
from convert.export import export
from convert.graph.graph import Array
from convert.inspection import open_runtime
from convert.job import Tell, own_steps_of, tell_of_comparison
from convert.opening.opener import OpenPolicy, open_model
from convert.original.original import Answers, Original, open_original
from convert.original.schema import describe, without_unread
from convert.proof.company import ask_alone, measure_company
from convert.proof.parity import Proof, find_accidents, prove
from convert.proof.questions import Groups, ask_proof_rows
from server.artefact.metadata import Feature, from_metadata
from server.artefact.runtime import Runtime


def verify(pickled: bytes, onnx: bytes, data: Any | None, policy: OpenPolicy, tell: Tell) -> Proof:
    """Compares all proof rows. A file of ours is fed by its own schema, any other by its signature. Raises Refused."""
    runtime = open_runtime(onnx)
    artefact = from_metadata(runtime.metadata)
    tell("opening the pickle", 0.0)
    method = "transform" if artefact is not None and artefact.kind == "transformer" else ""
    named = {} if artefact is None else {feature.name: feature.dtype == "string" for feature in artefact.features}
    original = open_original(open_model(pickled, policy), policy.witness, method, named)
    original = without_unread(original) if artefact is not None and artefact.ignored else original
    if artefact is not None and not original.named and len(artefact.features) == len(original.names):
        original = replace(original, names=tuple(feature.name for feature in artefact.features))
    if artefact is not None and artefact.parity.get("company"):
        original = ask_alone(original)
    features = describe(original)
    company = measure_company(original, features, allowed=True)
    groups, expected = ask_proof_rows(original, features, data)
    features = artefact.features if artefact is not None else _by_signature(runtime, features)
    if tuple(feature.name for feature in features) != original.names:
        raise Refused("the file and the pickle have different columns", "give the pickle that this file was made from")
    answers = expected["usual"]
    if len(answers) != len(runtime.outputs):
        raise Refused(
            f"the file has {len(runtime.outputs)} outputs, the model gives {len(answers)}: {', '.join(answers)}",
            "convert the pickle again",
        )
    accidents = _find_accidents(original, groups, expected)
    return prove(runtime, features, groups, expected, accidents, tell_of_comparison(tell, groups), company)


def _find_accidents(original: Original, groups: Groups, expected: Mapping[str, Answers]) -> dict[str, Array]:
    """Which answers of the original are accidents, by our own graph of it; none are known where there is no such."""
    features = describe(original)
    try:
        graph = export(original, features, expected["usual"], own_steps_of(original, features)).accidents
    except Refused:
        return {}
    return find_accidents(None if graph is None else Runtime(graph.SerializeToString()), features, groups)


def _by_signature(runtime: Runtime, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """A stranger's file: one matrix of numbers for all columns, or one input per column in order."""
    names = [node.name for node in runtime.inputs]
    kinds = {node.name: node.dtype for node in runtime.inputs}
    if len(names) not in (1, len(features)):
        raise Refused(
            f"the file has {len(names)} inputs, the model {len(features)} columns", "convert the pickle again"
        )
    inputs = names * len(features) if len(names) == 1 else names
    return tuple(
        Feature(f.name, "string" if kinds[name].kind == "O" else str(kinds[name]), name, f.nullable)  # type: ignore[arg-type]
        for f, name in zip(features, inputs, strict=True)
    )
