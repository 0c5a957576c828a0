"""Owns the outputs that a v2 request asks for. Knows no inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from server.artefact.tensors import TensorSpec
from server.codecs.refusals import listed, shown
from server.codecs.v2.classes import MAX_CLASSES
from server.codecs.v2.datatypes import NAMES, bad
from server.codecs.v2.parameters import no_shared_memory, read_flag, read_parameters

Specs = Mapping[str, TensorSpec]  # inputs or outputs by name, in the order of the graph


class RequestedOutput(NamedTuple):
    """One output that a request wants. ``classes``: how many best classes to answer; 0: the values."""

    name: str
    binary: bool
    classes: int


def read_outputs(given: Any, all_binary: bool, outputs: Specs) -> tuple[RequestedOutput, ...]:
    """The outputs wanted, in the order asked; all if none is named. ``all_binary``: unless one says otherwise.

    Raises ServerError: bad_request, unsupported.
    """
    if given is None or given == []:
        return tuple(RequestedOutput(name, all_binary, 0) for name in outputs)
    if type(given) is not list:
        raise bad(f"outputs: expected a list of objects with a name, got {shown(given)}")
    requested: dict[str, RequestedOutput] = {}
    for number, description in enumerate(given):
        output = _requested_output(description, f"outputs[{number}]", all_binary, outputs)
        if output.name in requested:
            raise bad(f"output '{output.name}' is asked for twice")
        requested[output.name] = output
    return tuple(requested.values())


def _requested_output(given: Any, where: str, all_binary: bool, outputs: Specs) -> RequestedOutput:
    if type(given) is not dict:
        raise bad(f"{where}: expected an object with a name, got {shown(given)}")
    name = given.get("name")
    if type(name) is not str or name not in outputs:
        raise bad(f"{where}: there is no output {shown(name)}; this model gives {listed(list(outputs))}")
    named = f"output '{name}'"
    parameters = read_parameters(given, named)
    if "shared_memory_region" in parameters:
        raise no_shared_memory(named)
    binary = read_flag(parameters, "binary_data", named) if "binary_data" in parameters else all_binary
    return RequestedOutput(name, binary, _classes(parameters, outputs[name], named))


def _classes(parameters: dict[str, Any], spec: TensorSpec, where: str) -> int:
    classes = parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise bad(f"{where}: classification: expected how many classes, got {shown(classes)}")
    if classes and spec.dtype.kind not in "iuf":
        raise bad(f"{where}: classification: {NAMES[spec.dtype]} has no order; ask for an output of numbers")
    return _within(classes, spec, where) if classes > MAX_CLASSES else classes


def _within(classes: int, spec: TensorSpec, where: str) -> int:
    """As many classes as an output has that is known to be no wider than MAX_CLASSES."""
    width = 1
    for size in spec.shape[1:] or spec.shape:
        width *= MAX_CLASSES + 1 if size is None else size
    if width > MAX_CLASSES:
        raise bad(f"{where}: classification: at most {MAX_CLASSES} classes, got {shown(classes)}")
    return max(width, 1)
