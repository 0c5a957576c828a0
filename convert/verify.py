"""Owns the repeated proof: a pickle against any ONNX file. Knows nothing of how the file was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convert.errors import Refused
from convert.job import Tell, describe_with_rows, teller
from convert.opening.opener import Opening, open_model
from convert.original.original import open_original
from convert.proof.parity import Proof, prove
from server.artefact import Feature, from_metadata
from server.runtime import BadModel, Runtime


def verify(pickled: bytes, onnx: bytes, data: Any | None, how: Opening, tell: Tell) -> Proof:
    """Compares all proof rows. A file of ours is fed by its own schema, any other by its signature. Raises Refused."""
    try:
        runtime = Runtime(onnx)
    except BadModel as error:
        raise Refused(f"ONNX Runtime does not open the file: {error}") from error
    artefact = from_metadata(runtime.metadata)
    tell("opening the pickle", 0.0)
    original = open_original(open_model(pickled, how))
    if artefact is not None and not original.named and len(artefact.features) == len(original.names):
        original = replace(original, names=tuple(feature.name for feature in artefact.features))
    features, groups, expected = describe_with_rows(original, data)
    features = artefact.features if artefact is not None else _by_signature(runtime, features)
    if tuple(feature.name for feature in features) != original.names:
        raise Refused("the file and the pickle have different columns", "give the pickle that this file was made from")
    found = expected["usual"]
    if len(found) != len(runtime.outputs):
        raise Refused(
            f"the file has {len(runtime.outputs)} outputs, the model gives {len(found)}: {', '.join(found)}",
            "convert the pickle again",
        )
    return prove(runtime, features, groups, expected, teller(tell, groups))


def _by_signature(runtime: Runtime, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """A stranger's file: one matrix of numbers for all columns, or one input per column in order."""
    names = [node.name for node in runtime.inputs]
    kinds = {node.name: node.dtype for node in runtime.inputs}
    if len(names) not in (1, len(features)):
        raise Refused(
            f"the file has {len(names)} inputs, the model {len(features)} columns", "convert the pickle again"
        )
    homes = names * len(features) if len(names) == 1 else names
    return tuple(
        Feature(f.name, "string" if kinds[home].kind == "O" else str(kinds[home]), home, f.nullable)  # type: ignore[arg-type]
        for f, home in zip(features, homes, strict=True)
    )
