"""Owns what the JSON answers of a model have: fields by the roles of its outputs. Knows no arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.artefact.metadata import Artefact
from server.artefact.tensors import InputLayout, TensorSpec
from server.codecs.json.fields import (
    Field,
    anything,
    by_class,
    by_class_lists,
    label_lists,
    labels,
    probability,
    probability_lists,
    values,
)
from server.codecs.json.group import JsonGroup


def groups_of(artefact: Artefact, version: str, layouts: Sequence[InputLayout]) -> tuple[JsonGroup, JsonGroup | None]:
    """The group of plain requests, and of those with ``"probabilities": true``; None for a model without them."""
    label, probabilities = artefact.output_names("label"), artefact.output_names("probabilities")
    others = [output for output in artefact.outputs if output.role in ("scores", "value", "transformed")]
    outputs = (*label, *probabilities, *(output.name for output in others))
    fields: dict[str, Field] = {}
    if label:
        fields |= _label_fields(artefact, probabilities)
    for position, output in enumerate(others, start=len(label) + len(probabilities)):
        fields["prediction" if output.role == "value" else output.role] = values(position)
    plain = JsonGroup(layouts, outputs, fields, version)
    if not probabilities:
        return plain, None
    fields |= {"probabilities": _probabilities_field(artefact, probabilities)}
    return plain, JsonGroup(layouts, outputs, fields, version)


def _label_fields(artefact: Artefact, probabilities: Sequence[str]) -> dict[str, Field]:
    classes: Any = artefact.classes
    if not _several(classes):
        fields = {"prediction": labels(0, classes)}
        return fields | ({"probability": probability(0, 1, classes)} if probabilities else {})
    fields = {"prediction": label_lists(0, classes)}
    positions = range(1, 1 + len(probabilities))
    return fields | ({"probability": probability_lists(0, positions, classes)} if probabilities else {})


def _probabilities_field(artefact: Artefact, probabilities: Sequence[str]) -> Field:
    classes: Any = artefact.classes
    return by_class_lists(range(1, 1 + len(probabilities)), classes) if _several(classes) else by_class(1, classes)


def _several(classes: Any) -> bool:
    return bool(classes) and isinstance(classes[0], tuple)


def group_of_outputs(
    outputs: Sequence[TensorSpec], version: str | None, layouts: Sequence[InputLayout], within: str
) -> JsonGroup:
    """The group of any other ONNX file: every output by its name in the object ``within``."""
    names = [output.name for output in outputs]
    return JsonGroup(layouts, names, {name: anything(at) for at, name in enumerate(names)}, version, within)
