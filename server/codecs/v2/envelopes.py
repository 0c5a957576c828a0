"""Owns what small v2 requests have in common that differ in values and id alone: it is checked once. Knows no entries.

An envelope is the JSON of a request without its lists of data and its id. What `request.read` checks of it holds of
each request with the same envelope, to the byte; values and the size of binary data are checked of each.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar, NamedTuple
from weakref import WeakSet

import numpy as np
import orjson

from server.artefact.tensors import Buffer
from server.codecs.slices import finish
from server.codecs.v2.answer import OutputFormat, TensorGroup
from server.codecs.v2.datatypes import BYTES, CODES, DTYPES, Shape, widen
from server.codecs.v2.outputs import RequestedOutput, Specs
from server.codecs.v2.request import InferRequest
from server.codecs.v2.values import from_binary, from_json

MAX_ENVELOPES = 256  # remembered of a model at a time; at the limit all are dropped, and those in use are read again
MOST_IN_ALL = 2048  # the same for all models of a process: each takes up to 10 KB
MAX_ENVELOPE_BYTES = 1024
MAX_INPUTS = 16


class Envelope(NamedTuple):
    """The bytes that tell an envelope from others; the list of data of each input, None for binary data."""

    key: bytes
    data: Sequence[list[Any] | None]


def envelope_of(document: Any) -> Envelope | None:
    """The envelope of a parsed body; None for what is not like one."""
    inputs = document.get("inputs") if type(document) is dict else None
    if type(inputs) is not list or len(inputs) > MAX_INPUTS:
        return None
    bare, lists = list[Any](), list[list[Any] | None]()
    for tensor in inputs:
        if type(tensor) is not dict:
            return None
        data = tensor.get("data")
        if type(data) is list:
            bare.append({**tensor, "data": None})
            lists.append(data)
        elif data is None and "data" not in tensor:
            bare.append(tensor)
            lists.append(None)
        else:
            return None
    without = {**document, "inputs": bare}
    if type(without.get("id")) is str:
        without["id"] = ""
    try:
        return Envelope(orjson.dumps(without), lists)
    except orjson.JSONEncodeError:  # nested deeper than it writes
        return None


@dataclass(frozen=True, slots=True)  # whose fields are found faster than those of a named tuple
class InputPlan:
    """How the values of one input are read. ``dtype``: of the graph; ``size``: of its binary data.

    ``where``: how errors name it. ``pack``: packs all values of JSON data if they are numbers, else raises as struct.
    ``as_sent``: numbers in binary are the graph's as they are.
    """

    datatype: str
    shape: Shape
    dtype: np.dtype[Any]
    size: int
    where: str
    pack: Callable[..., bytes]
    as_sent: bool

    def read_numbers(self, text: bytes) -> Buffer:
        """The buffer of JSON data, a flat list of numbers.

        Raises ValueError, OverflowError, struct.error or ServerError where it is not so many that fit.
        """
        packed = self.pack(*orjson.loads(text))
        return packed if self.as_sent else widen(packed, self.datatype, self.dtype, self.where)

    def read_list(self, data: list[Any], clean: bool) -> Buffer:
        """The buffer of JSON data. ``clean``: the body has no boolean. Raises ServerError ``bad_request``."""
        if clean or bool not in set(map(type, data)):
            try:
                packed = self.pack(*data)
            except (struct.error, OverflowError):  # nested, or wrong
                pass
            else:
                return widen(packed, self.datatype, self.dtype, self.where)
        return finish(from_json(data, self.datatype, self.shape, self.dtype, self.where))

    def read_binary(self, data: memoryview) -> Buffer:
        """The buffer of binary data of its size. Raises ServerError ``bad_request``."""
        return finish(from_binary(data, self.datatype, self.shape, self.dtype, self.where))


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """What was read of a request, but for its values and id.

    ``inputs``: in the request's order; ``order``: where the graph's inputs stand there. ``timeout``: seconds, or None.
    ``formats``: of answers to requests without id, by the compression that they want, once one wanted it.
    """

    inputs: Sequence[InputPlan]
    order: Sequence[int]
    binary_bytes: int
    rows: int
    group: TensorGroup
    outputs: tuple[RequestedOutput, ...]
    timeout: float | None
    formats: dict[bytes | None, OutputFormat] = field(default_factory=dict)

    def read(self, lists: Sequence[list[Any] | None], binary: memoryview, clean: bool) -> tuple[Buffer, ...]:
        """The buffers of a request with the same envelope, in the graph's order. Raises ServerError ``bad_request``."""
        at = 0
        buffers = list[Buffer]()
        for plan, data in zip(self.inputs, lists, strict=True):
            if data is not None:
                buffers.append(plan.read_list(data, clean))
            else:
                end = at + plan.size
                buffers.append(plan.read_binary(binary[at:end]))
                at = end
        return tuple([buffers[place] for place in self.order])


class Remembers:
    """What is remembered of one model's requests, which counts among that of all models."""

    _present: ClassVar[WeakSet[Remembers]] = WeakSet()

    def __init__(self) -> None:
        self._present.add(self)

    def __len__(self) -> int:
        raise NotImplementedError

    def clear(self) -> None:
        """Forgets all."""
        raise NotImplementedError

    def make_room(self) -> None:
        """Called before one more is remembered: forgets all where those are too many, and of others as well."""
        if len(self) >= MAX_ENVELOPES:
            self.clear()
        if sum(map(len, self._present)) >= MOST_IN_ALL:
            for each in list(self._present):
                each.clear()


class Envelopes(Remembers):
    """What was made of the envelopes of one model."""

    def __init__(self) -> None:
        super().__init__()
        self._plans: dict[bytes, RequestPlan] = {}

    def __len__(self) -> int:
        return len(self._plans)

    def find(self, envelope: Envelope, binary_bytes: int) -> RequestPlan | None:
        """The plan for an envelope with so much binary data, if one is remembered."""
        plan = self._plans.get(envelope.key)
        return plan if plan is not None and plan.binary_bytes == binary_bytes else None

    def remember(self, envelope: Envelope, plan: RequestPlan) -> None:
        """Remembers what was made of a request that was read without an error."""
        if len(envelope.key) <= MAX_ENVELOPE_BYTES:
            self.make_room()
            self._plans[envelope.key] = plan

    def clear(self) -> None:
        """Forgets all."""
        self._plans.clear()


def plan_of(
    given: Sequence[Mapping[str, Any]], infer: InferRequest, inputs: Specs, rows: int, group: TensorGroup
) -> RequestPlan:
    """Makes the plan of a request that was read; ``given``: its inputs as they stand in the JSON."""
    plans = []
    for tensor in given:
        name = tensor["name"]
        size = 0 if "data" in tensor else tensor["parameters"]["binary_data_size"]
        plans.append(_input_plan(tensor["datatype"], infer.tensors[name].shape, inputs[name].dtype, size, name))
    names = [tensor["name"] for tensor in given]
    order = [names.index(name) for name in inputs]
    return RequestPlan(plans, order, sum(plan.size for plan in plans), rows, group, infer.outputs, infer.timeout)


def _input_plan(datatype: str, shape: Shape, dtype: np.dtype[Any], size: int, name: str) -> InputPlan:
    count = prod(shape)
    numbers = bool(count) and datatype not in (BYTES, "BOOL")
    pack = struct.Struct(f"={count}{CODES[datatype]}").pack if numbers else _pack_nothing
    as_sent = numbers and DTYPES[datatype] == dtype
    return InputPlan(datatype, shape, dtype, size, f"input '{name}'", pack, as_sent)


def _pack_nothing(*values: Any) -> bytes:
    raise struct.error
