"""Owns the look at an ONNX file: what its bytes use, what it takes and gives, whether it gives its own answers.

It runs in a child process, because the file may be a stranger's. Knows nothing of pickles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onnx import ModelProto, TensorProto, helper

from convert.errors import Refused
from convert.original.table import for_graph, from_json
from convert.sandbox.job_messages import Inspected
from server.artefact.metadata import PREFIX, Artefact, BadArtefact, from_metadata
from server.artefact.onnxfile import BadFile, check_known, read_onnxfile
from server.artefact.parity import worst_excess
from server.artefact.runtime import BadModel, Runtime


def open_runtime(onnx: bytes) -> Runtime:
    """A session of bytes that were scanned before. Raises Refused."""
    try:
        check_known(read_onnxfile(onnx))
        return Runtime(onnx)
    except BadFile as error:
        raise Refused(f"the file {error}") from error
    except BadModel as error:
        raise Refused(f"ONNX Runtime does not open the file: {error}") from error


def inspect(onnx: bytes, golden: bool = False, used: Callable[[], tuple[int, int]] = lambda: (0, 0)) -> Inspected:
    """What the file says of itself; with ``golden`` it must give the answers of golden rows. Raises Refused.

    ``used`` tells the bytes of this process in memory, now and at most so far.
    """
    Runtime(_smallest())  # what ONNX Runtime takes once, whatever it opens, is not this file's
    before = used()[0]
    runtime = open_runtime(onnx)
    served, opening = (max(0, bytes_ - before) for bytes_ in used())
    if golden:
        _check_golden(runtime)
    ways = {"input": runtime.inputs, "output": runtime.outputs}
    signature = [(way, node.name, str(node.dtype), list(node.shape)) for way, nodes in ways.items() for node in nodes]
    metadata = {key: value for key, value in runtime.metadata.items() if key.startswith(PREFIX)}
    return Inspected(metadata, str(ModelProto.FromString(onnx).doc_string), signature, served, opening)


def _smallest() -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "smallest", value[:1], value[1:])
    made: bytes = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)]
    ).SerializeToString()
    return made


def _check_golden(runtime: Runtime) -> None:
    try:
        artefact = from_metadata(runtime.metadata)
    except BadArtefact as error:
        raise Refused(f"the child's file does not open: {error}") from error
    if artefact is None:
        raise Refused("the child's file has no dynonnx metadata")
    golden = artefact.golden
    names = list(golden.outputs)
    feed = for_graph(from_json(golden.rows, artefact.features), artefact.features)
    for name, got in zip(names, runtime.run(names, feed), strict=True):
        if not _same(golden.outputs[name], got, artefact, name):
            raise Refused(f"the child's file does not give its own golden '{name}'")


def _same(expected: list[Any], got: Any, artefact: Artefact, name: str) -> bool:
    if got.dtype.kind in "Ob" or name in artefact.output_names("label"):
        return bool(got.tolist() == expected)
    scale = artefact.parity["scale"].get(name, 1.0)
    return bool((worst_excess(expected, got, scale) <= 1).all())  # type: ignore[arg-type]
