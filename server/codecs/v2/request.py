"""Owns what a v2 request brings: checks its JSON, and its inputs in slices. Knows no batches.

Errors are 400 with a sentence that names the tensor. No allocation depends on a size that a client only claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, cast

from server.artefact.tensors import Buffer, TensorSpec
from server.codecs.json.parser import Allowance
from server.codecs.refusals import listed, shown, shown_shape, too_many_rows
from server.codecs.rows import OTHERS
from server.codecs.slices import Slices, finish
from server.codecs.v2.datatypes import BYTES, DTYPES, NAMES, Shape, bad, widens
from server.codecs.v2.outputs import RequestedOutput, Specs, read_outputs
from server.codecs.v2.parameters import (
    MAX_PARAMETERS,
    no_shared_memory,
    parameters_of_request,
    read_flag,
    read_parameters,
    read_timeout,
)
from server.codecs.v2.values import check_size, from_binary, from_json

MAX_RANK = 32
MAX_SIZE = 2**48  # elements of a tensor, empty dimensions left out: no body holds more
UNBOUNDED = 2**48  # values, where only the size of the body bounds them
MAX_LISTS = 131_072  # of nested data of a tensor whose shape is open
MAX_TEXTS = 1_000_000  # of an input: a text takes far more memory and time than a number


class Tensor(NamedTuple):
    """One input of a request: its buffer, and the shape that the client gave."""

    buffer: Buffer
    shape: Shape


class InferRequest(NamedTuple):
    """A parsed request. ``timeout``: seconds, or None."""

    tensors: dict[str, Tensor]
    outputs: tuple[RequestedOutput, ...]
    request_id: str | None
    timeout: float | None


def read(
    document: Any, binary: memoryview, inputs: Specs, outputs: Specs, max_rows: int | None
) -> Slices[InferRequest]:
    """Checks the parsed JSON and the binary data after it. ``max_rows``: None for a model without rows.

    Raises ServerError: bad_request, too_many_rows, unsupported.
    """
    if type(document) is not dict:
        raise bad(f'expected an object like {{"inputs": [...]}}, got {shown(document)}')
    request_id = document.get("id")
    if request_id is not None and type(request_id) is not str:
        raise bad(f"id: expected a string, got {shown(request_id)}")
    parameters = parameters_of_request(document)
    timeout = read_timeout(parameters)
    tensors = yield from _tensors(document.get("inputs"), binary, inputs, max_rows)
    requested = read_outputs(
        document.get("outputs"), read_flag(parameters, "binary_data_output", "the request"), outputs
    )
    return InferRequest(tensors, requested, request_id, timeout)


def read_raw(body: memoryview, inputs: Specs, rows_first: bool, outputs: Sequence[str]) -> InferRequest:
    """Checks a body that is one raw tensor, of one row where the model has rows; all outputs are wanted in binary.

    Raises ServerError ``bad_request``.
    """
    if len(inputs) != 1:
        raise bad(f"a raw body is for models of one input, this one takes {listed(list(inputs))}: send JSON as well")
    (spec,) = inputs.values()
    shape = _shape_of_raw(spec, (1, *spec.shape[1:]) if rows_first else spec.shape, len(body))
    _refuse_empty(shape, spec, rows_first, "the body")
    if spec.dtype == DTYPES[BYTES]:
        buffer: Buffer = [_text(body)]
    else:
        check_size(len(body), NAMES[spec.dtype], shape, "the body")
        buffer = finish(from_binary(body, NAMES[spec.dtype], shape, spec.dtype, "the body"))
    requested = tuple(RequestedOutput(name, True, 0) for name in outputs)
    return InferRequest({spec.name: Tensor(buffer, shape)}, requested, None, None)


def _shape_of_raw(spec: TensorSpec, sizes: Sequence[int | None], length: int) -> Shape:
    count = 1 if spec.dtype == DTYPES[BYTES] else length // spec.dtype.itemsize
    if not sizes and count != 1:
        sizes = (None,)  # ONNX Runtime shows a graph without a shape like one of a single value
    fixed = prod(size for size in sizes if size is not None)
    if sum(size is None for size in sizes) > 1 or not fixed or count % fixed:
        raise bad(
            f"a raw body of {length} bytes does not say the shape of '{spec.name}', {_dims(spec)}: send JSON as well"
        )
    return tuple(count // fixed if size is None else size for size in sizes)


def _text(body: memoryview) -> str:
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError:
        raise bad("the body is not UTF-8, the only text that ONNX Runtime takes") from None


def _tensors(given: Any, binary: memoryview, inputs: Specs, max_rows: int | None) -> Slices[dict[str, Tensor]]:
    if type(given) is not list:
        raise bad(f"inputs: expected a list of tensors, got {shown(given)}")
    tensors: dict[str, Tensor] = {}
    at = 0
    for number, tensor in enumerate(given):
        spec = _spec_of(tensor, f"inputs[{number}]", inputs)
        if spec.name in tensors:
            raise bad(f"input '{spec.name}' is given twice")
        size = _binary_size(tensor, spec.name)
        if size is not None and size > len(binary) - at:
            raise bad(_short(spec.name, size, len(binary) - at))
        own = None if size is None else binary[at : at + size]
        tensors[spec.name] = yield from _tensor(tensor, spec, own, max_rows)
        at += size or 0
    if at != len(binary):
        raise bad(f"{len(binary) - at} bytes are left over after the binary data of the inputs")
    if len(tensors) != len(inputs):
        missing = [name for name in inputs if name not in tensors]
        raise bad(f"missing input {listed(missing)}: this model takes {listed(list(inputs))}")
    return tensors


def _short(name: str, size: int, left: int) -> str:
    return (
        f"input '{name}': binary_data_size is {size}, but {left} bytes of binary data are left; they follow the JSON, "
        "whose length is the header Inference-Header-Content-Length"
    )


def _spec_of(given: Any, where: str, inputs: Specs) -> TensorSpec:
    if type(given) is not dict:
        raise bad(f"{where}: expected an object with name, shape and datatype, got {shown(given)}")
    name = given.get("name")
    if type(name) is not str or name not in inputs:
        raise bad(f"{where}: there is no input {shown(name)}; this model takes {listed(list(inputs))}")
    return inputs[name]


def _binary_size(given: dict[str, Any], name: str) -> int | None:
    """The bytes of binary data of an input; None if its values are JSON."""
    parameters = read_parameters(given, f"input '{name}'")
    if "shared_memory_region" in parameters:
        raise no_shared_memory(f"input '{name}'")
    if ("binary_data_size" in parameters) == ("data" in given):
        raise bad(f"input '{name}': send either 'data' or the parameter 'binary_data_size'")
    if "data" in given:
        return None
    size: Any = parameters["binary_data_size"]
    if type(size) is not int or size < 0:
        raise bad(f"input '{name}': binary_data_size: expected a number of bytes, got {shown(size)}")
    return size


def _tensor(given: dict[str, Any], spec: TensorSpec, binary: memoryview | None, max_rows: int | None) -> Slices[Tensor]:
    where = f"input '{spec.name}'"
    datatype = given.get("datatype")
    if type(datatype) is not str or datatype not in DTYPES:
        raise bad(f"{where}: datatype: expected one of {', '.join(DTYPES)}, got {shown(datatype)}")
    if not widens(datatype, spec.dtype):
        raise bad(
            f"{where}: this model takes {NAMES[spec.dtype]}, got {datatype}, which does not go into it without loss"
        )
    shape = _shape(given.get("shape"), spec, max_rows is not None, where)
    if binary is not None:
        check_size(len(binary), datatype, shape, where)
    if max_rows is not None and shape[0] > max_rows:
        raise too_many_rows(shape[0], max_rows)
    if datatype == BYTES and prod(shape) > MAX_TEXTS:
        raise bad(f"{where}: {prod(shape)} elements of BYTES are more than the {MAX_TEXTS} allowed")
    if binary is None:
        buffer = yield from from_json(given["data"], datatype, shape, spec.dtype, where)
    else:
        buffer = yield from from_binary(binary, datatype, shape, spec.dtype, where)
    return Tensor(buffer, shape)


def _shape(given: Any, spec: TensorSpec, rows_first: bool, where: str) -> Shape:
    if type(given) is not list or len(given) > MAX_RANK or any(type(size) is not int or size < 0 for size in given):
        raise bad(f"{where}: shape: expected a list of whole numbers like {_dims(spec)}, got {shown(given)}")
    # ONNX Runtime shows a graph without a shape like one of a single value: any shape fits either.
    fits = not spec.shape or len(given) == len(spec.shape)
    if not fits or any(size not in (None, own) for own, size in zip(given, spec.shape, strict=False)):
        raise bad(f"{where}: this model takes the shape {_dims(spec)}, got {shown_shape(given)}")
    if prod(max(size, 1) for size in given) > MAX_SIZE:
        raise bad(f"{where}: the shape {shown_shape(given)} is larger than any request")
    if 0 in given:
        _refuse_empty(tuple(given), spec, rows_first, where)
    return tuple(given)


def _refuse_empty(shape: Shape, spec: TensorSpec, rows_first: bool, where: str) -> None:
    """Raises ServerError where nothing stands along a dimension that varies: no trial had that, and some of ONNX
    Runtime's operators end the process at it (GRU 1.32). That there are rows is seen of all inputs together."""
    fixed = {place for place, size in enumerate(spec.shape) if size == 0}
    if any(size == 0 and place not in fixed for place, size in enumerate(shape) if place or not rows_first):
        raise bad(f"{where}: the shape {shown_shape(shape)} has a dimension of 0, at which there is nothing to predict")


def _dims(spec: TensorSpec) -> list[int]:
    return [-1 if size is None else size for size in spec.shape]


def allowance_of(inputs: Sequence[TensorSpec], outputs: int, max_rows: int) -> Allowance:
    """What the JSON of ``max_rows`` rows may have."""
    values = lists = members = 16 * (len(inputs) + outputs) + MAX_PARAMETERS + OTHERS
    for spec in inputs:
        first, *others = spec.shape or (None,)
        sizes = [max_rows if first is None else first, *others]
        values += _product(sizes) if None not in sizes else UNBOUNDED
        lists += sum(_product(sizes[:level]) for level in range(1, len(sizes))) if None not in sizes[:-1] else MAX_LISTS
    return Allowance(values, lists, members, max_rows)


def _product(sizes: Sequence[int | None]) -> int:
    return prod(size or 0 for size in sizes)


def kept(buffers: Sequence[Buffer], body: bytes | bytearray) -> tuple[Buffer, ...]:
    """The buffers of a large body, copied where views of a small part of it would keep it all."""
    viewed = [isinstance(buffer, memoryview) and buffer.obj is body for buffer in buffers]
    views = sum(len(buffer) for buffer, view in zip(buffers, viewed, strict=True) if view)
    if 2 * views > len(body):
        return tuple(buffers)
    return tuple([bytes(cast("memoryview", b)) if view else b for b, view in zip(buffers, viewed, strict=True)])
