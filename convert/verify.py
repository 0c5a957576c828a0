"""Owns the repeated proof: a pickle against any ONNX file. Knows nothing of how the file was made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convert.errors import Refused
from convert.export import Exported, export
from convert.inspection import open_runtime
from convert.job import Tell, own_steps_of, tell_of_comparison, with_booleans
from convert.opening.opener import OpenPolicy, open_model
from convert.original.original import Answers, Original, open_original
from convert.original.schema import describe, without_unread
from convert.proof.claims import AGAIN, refuse_false_claims
from convert.proof.company import ask_alone, measure_company, refuse_company
from convert.proof.constancy import has_one_answer, is_constant
from convert.proof.enough import refuse_sameness, refuse_ties
from convert.proof.holding import refuse_holdings
from convert.proof.parity import Proof, find_accidents, prove
from convert.proof.questions import ask_proof_rows
from convert.proof.user_rows import kinds_of, texts_of
from server.artefact.metadata import Artefact, BadArtefact, Feature, from_metadata
from server.artefact.runtime import Runtime


def verify(
    pickled: bytes, onnx: bytes, data: Any | None, policy: OpenPolicy, tell: Tell, allow_ties: bool = False
) -> Proof:
    """Compares all proof rows, and judges them as converting does. Raises Refused.

    A file of ours is fed by its own schema, which must be the model's, any other by its signature. The rows hang on the
    file's bytes, so that none can be made to answer just these.
    """
    runtime = open_runtime(onnx)
    artefact = _artefact(runtime)
    tell("opening the pickle", 0.0)
    original = _original(pickled, artefact, policy, data)
    known = describe(original)
    company = measure_company(original, known, allowed=True)
    seed = int.from_bytes(hashlib.sha256(onnx).digest())
    groups, expected = ask_proof_rows(original, known, data, seed)
    answers = expected["usual"]
    if len(answers) != len(runtime.outputs):
        raise Refused(
            f"the file has {len(runtime.outputs)} outputs, the model gives {len(answers)}: {', '.join(answers)}",
            "convert the pickle again",
        )
    features = _by_signature(runtime, known) if artefact is None else artefact.features
    if tuple(feature.name for feature in features) != original.names:
        raise Refused("the file and the pickle have different columns", "give the pickle that this file was made from")
    if artefact is not None:
        refuse_false_claims(artefact, original, known, answers, [node.name for node in runtime.outputs])
    ours = _ours(original, known, answers)
    accidents = find_accidents(_opened(ours), known, groups)
    refuse_company(original, groups, expected, accidents)
    refuse_holdings(original, known, data)
    proof = prove(
        runtime,
        features,
        groups,
        expected,
        accidents,
        tell_of_comparison(tell, groups),
        company,
        unsure=original.unsure if artefact is None else artefact.parity.get("unsure", ()),
    )
    if not allow_ties:
        refuse_ties(proof)
    by_nature = (ours is not None and is_constant(ours.model)) or has_one_answer(original.model, known)
    refuse_sameness(proof, by_nature, expected.get("data"))
    return proof


def _artefact(runtime: Runtime) -> Artefact | None:
    try:
        return from_metadata(runtime.metadata)
    except BadArtefact as error:
        raise Refused(f"the file: {error}", AGAIN) from error


def _original(pickled: bytes, artefact: Artefact | None, policy: OpenPolicy, data: Any | None) -> Original:
    """The model, with what only a person's rows told when the file was made: names, texts, and which columns are
    booleans. Where code of its own takes texts of a shape alone, those of the example rows have it."""
    told = () if artefact is None else artefact.features
    method = "transform" if artefact is not None and artefact.kind == "transformer" else ""
    texts = {feature.name: feature.dtype == "string" for feature in told}
    booleans = {feature.name for feature in told if feature.dtype == "bool"}
    texts = kinds_of(data) | texts
    given = {name: [*held, *_examples(artefact, name)] for name, held in _texts_of(data, texts).items()}
    original = open_original(open_model(pickled, policy), policy.witness, method, texts, booleans, given)
    original = without_unread(original) if artefact is not None and artefact.ignored else original
    if not original.named and len(told) == len(original.names):
        original = replace(original, names=tuple(feature.name for feature in told))
    original = with_booleans(original, booleans)
    return ask_alone(original) if artefact is not None and artefact.parity.get("company") else original


def _texts_of(data: Any | None, texts: Mapping[str, bool]) -> dict[str, list[str]]:
    """By name those columns that hold texts, with a person's."""
    known = texts_of(data)
    return {name: known.get(name, []) for name, holds in texts.items() if holds}


def _examples(artefact: Artefact | None, name: str) -> list[str]:
    """The texts of one column in the example rows."""
    if artefact is None:
        return []
    places = [at for at, feature in enumerate(artefact.features) if feature.name == name]
    return [text for row in artefact.golden.rows for at in places if isinstance(text := row[at], str)]


def _ours(original: Original, features: tuple[Feature, ...], answers: Answers) -> Exported | None:
    """Our own graph of the original, which tells which of its answers are accidents; None where there is none."""
    try:
        return export(original, features, answers, own_steps_of(original, features))
    except Refused:
        return None


def _opened(ours: Exported | None) -> Runtime | None:
    return None if ours is None or ours.accidents is None else Runtime(ours.accidents.SerializeToString())


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
