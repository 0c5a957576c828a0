"""Owns what each command does, from what was typed to text and a file. Knows nothing of terminals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from onnx import ModelProto

from convert.cli import report, writer
from convert.cli.options import ConvertCommand, InspectCommand, SignCommand, VerifyCommand
from convert.errors import Refused
from convert.original.table import for_graph, from_json
from convert.sandbox import parent
from convert.sandbox.job_messages import Job, JobResult
from server.artefact.metadata import PREFIX, Artefact, BadArtefact, from_metadata, to_metadata, worst_excess
from server.artefact.runtime import BadModel, Runtime
from server.artefact.signing import SUFFIX, BadKey
from server.artefact.signing import sign as sign_file

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What a command tells: a person, and a program."""

    text: str
    data: Mapping[str, Any]


class NotEqual(Exception):
    """The file does not answer as the original does; it carries the whole report."""

    def __init__(self, whole: Report) -> None:
        super().__init__(whole.text)
        self.report = whole


def convert(command: ConvertCommand, tell: Tell) -> Report:
    """Converts and writes; answers the report. Raises Refused or NotEqual, and then nothing is written."""
    _must_exist(command.job.model, command.job.data)
    path = writer.destination(command.out, command.job.name, command.version, command.replace)
    result = _run(command.job, tell)
    artefact = _checked(result.onnx)
    writer.write(path, result.onnx)
    parts = [report.description(artefact), report.proof_table(artefact.parity), report.verdict(artefact.parity)]
    parts += [*report.slowness(result.speed), f"wrote {path} ({len(result.onnx):,} bytes)"]
    data = {**_data(artefact), "written": str(path), "bytes": len(result.onnx), "speed": result.speed}
    return Report("\n\n".join(parts), data)


def verify(command: VerifyCommand, tell: Tell) -> Report:
    """Repeats the proof; answers the report. Raises Refused or NotEqual."""
    _must_exist(command.job.model, command.job.onnx, command.job.data)
    parity = _run(command.job, tell).parity
    return Report(f"{report.proof_table(parity)}\n\n{report.verdict(parity)}", {"parity": parity})


def inspect(command: InspectCommand) -> Report:
    """What the file says of itself, or its bare signature. Raises Refused."""
    _must_exist(command.file)
    try:
        runtime = Runtime(command.file)
        artefact = from_metadata(runtime.metadata)
        drawing = str(ModelProto.FromString(command.file.read_bytes()).doc_string)
    except (BadModel, BadArtefact) as error:
        raise Refused(f"{command.file}: {error}") from error
    if artefact is None:
        lines = [f"{command.file}: an ONNX file that dynonnx did not make"]
        ways = {"input": runtime.inputs, "output": runtime.outputs}
        signature = [
            (way, node.name, str(node.dtype), list(node.shape)) for way, nodes in ways.items() for node in nodes
        ]
        lines += [f"{way}  {name}  {dtype}  {shape}" for way, name, dtype, shape in signature]
        return Report("\n".join(lines), {"signature": signature})
    parts = (
        report.description(artefact), drawing, report.proof_table(artefact.parity), report.verdict(artefact.parity)
    )  # fmt: skip
    return Report("\n\n".join(part for part in parts if part), {**_data(artefact), "drawing": drawing})


def sign(command: SignCommand) -> Report:
    """Writes the signature beside the file. Raises Refused."""
    _must_exist(command.file, command.key)
    name, version = _name_and_version(command.file.absolute())
    name, version = command.name or name, command.version or version
    goal = command.file.with_name(command.file.name + SUFFIX)
    try:
        made = sign_file(command.key.read_text("ascii"), name, version, command.file.read_bytes())
    except (BadKey, UnicodeDecodeError) as error:
        raise Refused(f"{command.key}: {error}") from None
    writer.write(goal, made.encode())
    return Report(f"wrote {goal}: {name}, version {version}", {"written": str(goal), "name": name, "version": version})


def _name_and_version(file: Path) -> tuple[str, str]:
    """What a file in a repository's folder serves as."""
    if file.name == writer.FILE_NAME:
        return file.parent.parent.name, file.parent.name
    return file.stem, "1"


def _data(artefact: Artefact) -> dict[str, Any]:
    return {key.removeprefix(PREFIX): orjson.loads(value) for key, value in to_metadata(artefact).items()}


def _run(job: Job, tell: Tell) -> JobResult:
    result = parent.run(job, tell)
    if result.parity["wrong"]:
        table, verdict = report.proof_table(result.parity), report.verdict(result.parity)
        text = "\n\n".join((table, report.bad_rows(result.bad), verdict))
        raise NotEqual(Report(text, {"parity": result.parity, "bad": result.bad}))
    return result


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
