"""Owns the way from a model's outputs to the columns of the answer. Pure. Knows no files and no inputs.

The columns bear the names of `/predict`'s fields: prediction, probability, probabilities, scores, transformed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from server.artefact.metadata import Artefact, Scalar
from server.artefact.tensors import Array

FIELD_OF_ROLE = {"value": "prediction", "scores": "scores", "transformed": "transformed"}
Named = tuple[str, pa.Array]


class AnswerColumns:
    """Makes the answer's columns. ``probabilities``: those of every class as well."""

    def __init__(self, artefact: Artefact, probabilities: bool) -> None:
        self._classes: Any = artefact.classes
        self._several = isinstance(next(iter(self._classes or ()), None), tuple)
        self._label, self._probabilities = artefact.output_names("label"), artefact.output_names("probabilities")
        others = [output for output in artefact.outputs if output.role in FIELD_OF_ROLE]
        self._others = [FIELD_OF_ROLE[output.role] for output in others]
        self._every_class = probabilities
        self.outputs = (*self._label, *self._probabilities, *(output.name for output in others))

    def columns(self, outputs: Sequence[Array]) -> list[Named]:
        """The columns, one row each per row of the outputs, which are in the order of ``outputs``."""
        tables = len(self._label) + len(self._probabilities)
        named = list(self._of_labels(outputs[0], outputs[1:tables])) if self._label else []
        for field, output in zip(self._others, outputs[tables:], strict=True):
            named += _spread(field, output)
        return named

    def _of_labels(self, labels: Array, probabilities: Sequence[Array]) -> Iterator[Named]:
        if not self._several:
            yield from self._of_target("", labels.reshape(-1), probabilities, self._classes)
            return
        for target, classes in enumerate(self._classes):
            own = probabilities[target : target + 1]
            yield from self._of_target(f"[{target}]", labels[:, target], own, classes)

    def _of_target(
        self, suffix: str, labels: Array, probabilities: Sequence[Array], classes: Sequence[Scalar] | None
    ) -> Iterator[Named]:
        yield "prediction" + suffix, _labels(labels, classes)
        if not probabilities or classes is None:
            return
        column_of = {label: column for column, label in enumerate(classes)}
        at = [column_of[label] for label in labels.tolist()]
        yield "probability" + suffix, _numbers(probabilities[0][np.arange(len(at)), at])
        if self._every_class:
            for column, label in enumerate(classes):
                text = label if isinstance(label, str) else orjson.dumps(label).decode()
                yield f"probabilities{suffix}[{text}]", _numbers(probabilities[0][:, column])


def _labels(labels: Array, classes: Sequence[Scalar] | None) -> pa.Array:
    """Labels with the type of the classes: a graph may give 1 for the class true."""
    if not classes:
        return pa.array(labels)
    own = {label: label for label in classes}
    kinds = {type(label) for label in classes}
    if len(kinds) == 1:
        return pa.array([own[label] for label in labels.tolist()])
    return pa.array([orjson.dumps(own[label]).decode() for label in labels.tolist()])


def _spread(field: str, output: Array) -> list[Named]:
    """One column for a number per row, else one for each number."""
    flat = output.reshape(len(output), -1)
    if flat.shape[1] == 1:
        return [(field, _numbers(flat[:, 0]))]
    return [(f"{field}[{column}]", _numbers(flat[:, column])) for column in range(flat.shape[1])]


def _numbers(values: Array) -> pa.Array:
    """Numbers as they are; what is not finite is null, as in the JSON of an answer."""
    if values.dtype.kind == "f":
        return pa.array(np.ascontiguousarray(values), mask=~np.isfinite(values))
    return pa.array(values.tolist() if values.dtype.kind == "O" else np.ascontiguousarray(values))
