"""Owns the whole graph of one model: inputs by schema, outputs by role. Knows nothing of files."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto

from convert.errors import Refused
from convert.exporters.registry import Exporter, OwnSteps, Prediction, load_families
from convert.graph.columns import Columns
from convert.graph.graph import Array, Graph, Tensor
from convert.original.original import Answers, Original
from convert.tracing.of_texts import record_texts
from server.artefact.metadata import Feature, Output, Role

load_families()

ACCIDENT = "accident"
LABEL = np.arange(2)  # the classes of one label of a set: not there, there


@dataclass(frozen=True, slots=True)
class Exported:
    """A model's graph and its outputs with their roles.

    ``accidents`` is a graph of its own for the proof: its output `ACCIDENT` [rows] says to which rows the original's
    answer hangs on a choice among equals. None where no answer does.
    """

    model: ModelProto
    outputs: tuple[Output, ...]
    accidents: ModelProto | None


def export(original: Original, features: Sequence[Feature], answers: Answers, own: OwnSteps | None = None) -> Exported:
    """Makes the graph. ``answers`` of any rows give the outputs and their shapes; ``own`` exports a person's own steps.

    Raises Refused where an estimator has no exporter.
    """
    graph = Graph()
    exporter = Exporter(graph, own=own, names=original.names, record_texts=record_texts)
    tensors = _tensors(exporter, original, _with_gaps(_inputs(graph, features), original.unread), answers)
    taken = {feature.input for feature in features}
    names = {answer: _free(answer, taken) for answer in answers}
    missing = [answer for answer in answers if answer not in tensors]
    if missing:
        raise Refused(
            f"{type(original.model).__name__} has no exporter for its {missing[0]}", "predict with another one"
        )
    accidents = graph.finish_marks(ACCIDENT)
    model = graph.finish(
        {names[answer]: tensors[answer] for answer in answers},
        {names[answer]: values.shape[1:] for answer, values in answers.items()},
    )
    return Exported(model, tuple(Output(role_of(answer), names[answer]) for answer in answers), accidents)


def role_of(answer: str) -> Role:
    """The role of an answer: ``probabilities_1`` are probabilities."""
    return "probabilities" if answer.startswith("probabilities") else answer  # type: ignore[return-value]


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else _free(f"{name}_output", taken)


def _inputs(graph: Graph, features: Sequence[Feature]) -> Columns:
    widths: dict[str, int] = {}
    dtypes = {feature.input: np.dtype(object if feature.dtype == "string" else feature.dtype) for feature in features}
    for feature in features:
        widths[feature.input] = widths.get(feature.input, 0) + 1
    return Columns(graph, tuple((graph.input(name, dtypes[name], width), width) for name, width in widths.items()))


def _with_gaps(x: Columns, unread: Sequence[tuple[int, str]]) -> Columns:
    """The columns at the places that the model knows them by; zeros where those were that nothing reads."""
    if not unread:
        return x
    gaps, taken = {position for position, _ in unread}, iter(range(x.width))
    places = [None if at in gaps else next(taken) for at in range(x.width + len(gaps))]
    zeros = x.graph.zeros(x.parts[0][0])
    parts: list[tuple[Tensor, int]] = []
    for gap, run in itertools.groupby(places, lambda place: place is None):
        members = list(run)
        parts += [(zeros, 1)] * len(members) if gap else x.take(place for place in members if place is not None).parts
    return Columns(x.graph, tuple(parts))


def _transformed(table: Columns) -> Tensor:
    if table.is_text():
        return table.text()
    if any(tensor.dtype.kind == "O" for tensor, _ in table.parts):
        raise Refused(
            "what it makes holds texts beside numbers, which no tensor can", "encode the texts in a last step"
        )
    return table.numbers()


def _tensors(e: Exporter, original: Original, x: Columns, answers: Answers) -> Mapping[str, Tensor]:
    if original.kind == "transformer":
        made = _transformed(e.transform(original.model, x))
        return {"transformed": made if answers["transformed"].ndim > 1 else made.reshape(-1)}
    prediction = e.predict(original.model, x)
    classes = getattr(original.model, "classes_", None)
    if prediction.targets:
        each = classes if isinstance(classes, list) else [LABEL] * len(prediction.targets)
        return _targets(e.graph, prediction.targets, [_as_answered(values, answers["label"]) for values in each])
    tensors = {"value": prediction.value, "scores": prediction.scores, "probabilities": prediction.probabilities}
    tensors["label"] = _label(e.graph, prediction, classes)
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def _targets(graph: Graph, targets: Sequence[Prediction], classes: Sequence[Array]) -> Mapping[str, Tensor]:
    labels = [_label(graph, prediction, values) for prediction, values in zip(targets, classes, strict=True)]
    label = graph.concat([label.reshape(-1, 1) for label in labels if label is not None])
    if any(prediction.probabilities is None for prediction in targets):
        scores = [prediction.scores for prediction in targets if prediction.scores is not None]
        beside = [score.reshape(-1, 1) for score in scores] if len(scores) == len(targets) else []
        return {"label": label, "scores": graph.concat(beside)} if beside else {"label": label}
    tensors = {f"probabilities_{target}": prediction.need("probabilities") for target, prediction in enumerate(targets)}
    return {"label": label, **tensors}


def _as_answered(classes: Any, label: Array) -> Array:
    """The classes of one target, of the type that labels of all targets share: some targets' may be of another."""
    values = np.asarray(classes)
    if label.dtype.kind == "O" and values.dtype.kind != "O":
        return values.astype(np.str_).astype(object)
    return values.astype(label.dtype) if label.dtype.kind in "fib" and values.dtype.kind in "fiub" else values


def _label(graph: Graph, prediction: Prediction, classes: Any) -> Tensor | None:
    if prediction.label is not None or prediction.index is None:
        return prediction.label
    values = np.asarray(classes)
    unlike = values.dtype.kind == "O" and not all(isinstance(value, str) for value in values)
    if values.ndim != 1 or unlike:
        raise Refused("its classes are none that an answer could have", "fit with labels that are numbers or texts")
    if values.dtype.kind in "iu":
        values = values.astype(np.int64)
        if np.array_equal(values, np.arange(len(values))):
            return prediction.index
    elif values.dtype.kind not in "Ofb":
        values = values.astype(object)
    return graph.op("Gather", graph.constant(values), prediction.index, axis=0)
