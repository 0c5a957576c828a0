"""Owns what each command does, from its request to text and a file. Knows nothing of terminals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from onnx import ModelProto

from convert.cli import report, writer
from convert.cli.options import Convert, Inspect, Verify
from convert.errors import Refused
from convert.original.table import for_graph, from_json
from convert.sandbox import parent
from server.artefact import PREFIX, Artefact, BadArtefact, from_metadata, to_metadata, worst_excess
from server.runtime import BadModel, Runtime

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found: for a person, and for a program."""

    text: str
    data: Mapping[str, Any]


class NotEqual(Exception):
    """The file does not answer as the original does; it carries the whole report."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


def convert(asked: Convert, tell: Tell) -> Result:
    """Converts and writes; answers the report. Raises Refused or NotEqual, and then nothing is written."""
    _must_exist(asked.model, asked.data)
    path = writer.destination(asked.out, asked.name, asked.version, asked.replace)
    found, onnx = _run({"command": "convert", "name": asked.name}, asked, tell)
    if found["parity"]["wrong"]:
        raise NotEqual(_failure(found))
    artefact = _checked(onnx)
    writer.write(path, onnx)
    parts = [report.description(artefact), report.proof_table(artefact.parity), report.verdict(artefact.parity)]
    parts += [*report.slowness(found["speed"]), f"wrote {path} ({len(onnx):,} bytes)"]
    data = {**_data(artefact), "written": str(path), "bytes": len(onnx), "speed": found["speed"]}
    return Result("\n\n".join(parts), data)


def verify(asked: Verify, tell: Tell) -> Result:
    """Repeats the proof; answers the report. Raises Refused or NotEqual."""
    _must_exist(asked.model, asked.file, asked.data)
    found, _ = _run({"command": "verify", "onnx": str(asked.file.resolve())}, asked, tell)
    if found["parity"]["wrong"]:
        raise NotEqual(_failure(found))
    text = f"{report.proof_table(found['parity'])}\n\n{report.verdict(found['parity'])}"
    return Result(text, {"parity": found["parity"]})


def inspect(asked: Inspect) -> Result:
    """What the file says of itself, or its bare signature. Raises Refused."""
    _must_exist(asked.file)
    try:
        runtime = Runtime(asked.file)
        artefact = from_metadata(runtime.metadata)
        drawing = str(ModelProto.FromString(asked.file.read_bytes()).doc_string)
    except (BadModel, BadArtefact) as error:
        raise Refused(f"{asked.file}: {error}") from error
    if artefact is None:
        lines = [f"{asked.file}: an ONNX file that dynonnx did not make"]
        ways = {"input": runtime.inputs, "output": runtime.outputs}
        found = [(way, node.name, str(node.dtype), list(node.shape)) for way, nodes in ways.items() for node in nodes]
        lines += [f"{way}  {name}  {dtype}  {shape}" for way, name, dtype, shape in found]
        return Result("\n".join(lines), {"signature": found})
    parts = (
        report.description(artefact), drawing, report.proof_table(artefact.parity), report.verdict(artefact.parity)
    )  # fmt: skip
    return Result("\n\n".join(part for part in parts if part), {**_data(artefact), "drawing": drawing})


def _data(artefact: Artefact) -> dict[str, Any]:
    return {key.removeprefix(PREFIX): orjson.loads(value) for key, value in to_metadata(artefact).items()}


def _run(job: dict[str, Any], asked: Convert | Verify, tell: Tell) -> tuple[Any, bytes]:
    how = asked.opening
    common = {
        "model": str(asked.model.resolve()),
        "data": None if asked.data is None else str(asked.data.resolve()),
        "trust": how.trust,
        "key": how.key,
        "any_version": how.any_version,
        "converters": None if how.converters is None else str(how.converters.resolve()),
    }
    return parent.run(job | common, tell, how.timeout_seconds, int(how.memory_gb * (1 << 30)))


def _must_exist(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and not path.is_file():
            raise Refused(f"{path} is not a file", "check the path")


def _checked(onnx: bytes) -> Artefact:
    """The parent believes only what it has seen itself: the file opens here and answers its golden rows."""
    try:
        runtime = Runtime(onnx)
        artefact = from_metadata(runtime.metadata)
    except (BadModel, BadArtefact) as error:
        raise Refused(f"the child's file does not open: {error}") from error
    if artefact is None:
        raise Refused("the child's file has no dynonnx metadata")
    golden = artefact.golden
    names = list(golden.outputs)
    feed = for_graph(from_json(golden.rows, artefact.features), artefact.features)
    for name, got in zip(names, runtime.run(names, feed), strict=True):
        if not _same(golden.outputs[name], got, artefact, name):
            raise Refused(f"the child's file does not give its own golden '{name}'")
    return artefact


def _same(expected: list[Any], got: Any, artefact: Artefact, name: str) -> bool:
    if got.dtype.kind in "Ob" or name in artefact.output_names("label"):
        return bool(got.tolist() == expected)
    scale = artefact.parity["scale"].get(name, 1.0)
    return bool((worst_excess(expected, got, scale) <= 1).all())  # type: ignore[arg-type]


def _failure(found: Mapping[str, Any]) -> Result:
    parity = found["parity"]
    text = "\n\n".join((report.proof_table(parity), report.bad_rows(found["bad"]), report.verdict(parity)))
    return Result(text, {"parity": parity, "bad": found["bad"]})
