"""Owns what each command does, from what was typed to text and a file. Knows nothing of terminals."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from convert.cli import elsewhere, mlflow_models, report, writer
from convert.cli.dyno import memory_line
from convert.cli.elsewhere import Environments
from convert.cli.options import ConvertCommand, InspectCommand, SignCommand, VerifyCommand
from convert.cli.outcome import NotEqual, Report
from convert.cli.page.page import page
from convert.errors import Refused
from convert.sandbox import parent
from convert.sandbox.job_messages import Inspected, Job, JobResult
from server.artefact.metadata import PREFIX, Artefact, BadArtefact, from_metadata, to_metadata
from server.artefact.onnxfile import MAX_BYTES
from server.artefact.signing import SUFFIX, BadKey
from server.artefact.signing import sign as sign_file

Tell = Callable[[str, float], None]


def convert(command: ConvertCommand, tell: Tell, kept: Path) -> Report:
    """Converts and writes; answers the report. Raises Refused or NotEqual, and then nothing is written.

    Environments with other versions of scikit-learn are ``kept`` in that folder.
    """
    if command.mlflow is not None:
        tell("asking MLflow for the model", 0.0)
        with mlflow_models.fetched(command.mlflow) as found:
            paths = command.job.paths or ((found.code,) if found.code else ())
            job = replace(command.job, model=found.file, origin=found.origin, paths=paths)
            return convert(replace(command, job=job, mlflow=None), tell, kept)
    _must_exist(command.job.model, command.job.data, command.job.converters)
    _must_hold_code(command.job.paths)
    path = writer.destination(command.out, command.job.name, command.version, command.replace)
    result, original = _run(command.job, Environments(kept, command.python), tell)
    artefact, seen = _checked(result, command.job, original)
    with _in_a_strangers_words("the child's file"):
        parts = [
            report.description(artefact, report.SHOWN_FEATURES),
            report.proof_table(artefact.parity),
            report.verdict(artefact.parity),
        ]
        parts += [memory_line(seen.served_bytes, seen.opening_bytes), *report.slowness(result.speed)]
        data = {**_data(artefact), "written": str(path), "bytes": len(result.onnx), "speed": result.speed}
        data["memory"] = {"served": seen.served_bytes, "opening": seen.opening_bytes}
        facts = {"file": str(path), "bytes": f"{len(result.onnx):,}", "model": command.job.model.name}
        if artefact.optimisation:
            facts["faster"] = report.optimised(artefact.optimisation)
        told = page(artefact, seen.doc_string, result.speed, facts) if command.report is not None else ""
    writer.write(path, result.onnx, replace=command.replace)
    written = [f"wrote {path} ({len(result.onnx):,} bytes)"]
    if command.report is not None:
        writer.write(command.report, told.encode(), replace=True)
        written.append(f"wrote {command.report}")
    return Report("\n\n".join([*parts, "\n".join(written)]), data)


def verify(command: VerifyCommand, tell: Tell, kept: Path) -> Report:
    """Repeats the proof; answers the report. Raises Refused or NotEqual. ``kept`` as in `convert`."""
    _must_exist(command.job.model, command.job.onnx, command.job.data, command.job.converters)
    _must_hold_code(command.job.paths)
    parity = _run(command.job, Environments(kept, command.python), tell)[0].parity
    with _in_a_strangers_words("the proof"):
        return Report(f"{report.proof_table(parity)}\n\n{report.verdict(parity)}", {"parity": parity})


def inspect(command: InspectCommand) -> Report:
    """What the file says of itself, or its bare signature. Raises Refused."""
    _must_exist(command.file)
    if command.file.stat().st_size > MAX_BYTES:
        raise Refused(f"{command.file} is larger than the {MAX_BYTES} bytes that an ONNX file may have")
    seen = parent.inspect(command.file.read_bytes())
    artefact = _artefact(seen, str(command.file))
    if artefact is None:
        lines = [f"{command.file}: an ONNX file that dynonnx did not make"]
        lines += [report.signature_line(*line) for line in seen.signature]
        return Report("\n".join(lines), {"signature": seen.signature})
    with _in_a_strangers_words(str(command.file)):
        parts = (
            report.description(artefact),
            report.drawing(seen.doc_string),
            report.proof_table(artefact.parity),
            f"{report.verdict(artefact.parity)}\n{report.OWN_WORD}",
        )
        return Report("\n\n".join(filter(None, parts)), {**_data(artefact), "drawing": seen.doc_string})


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
    writer.write(goal, made.encode(), replace=True)
    return Report(f"wrote {goal}: {name}, version {version}", {"written": str(goal), "name": name, "version": version})


def _name_and_version(file: Path) -> tuple[str, str]:
    """What a file in a repository's folder serves as."""
    if file.name == writer.FILE_NAME:
        return file.parent.parent.name, file.parent.name
    return file.stem, "1"


def _data(artefact: Artefact) -> dict[str, Any]:
    return {key.removeprefix(PREFIX): orjson.loads(value) for key, value in to_metadata(artefact).items()}


def _run(job: Job, environments: Environments, tell: Tell) -> tuple[JobResult, str]:
    result, original = elsewhere.run(job, environments, tell)
    with _in_a_strangers_words("the proof"):
        if result.parity["wrong"] == 0:
            return result, original
        table, verdict = report.proof_table(result.parity), report.verdict(result.parity)
        text = "\n\n".join((table, report.bad_rows(result.bad), verdict))
    raise NotEqual(Report(text, {"parity": result.parity, "bad": result.bad}))


def _must_exist(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and not path.is_file():
            raise Refused(f"{path} is not a file", "check the path")


def _must_hold_code(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.is_dir() and not path.is_file():
            raise Refused(f"{path} is no folder, script or notebook", "check --path")


def _checked(result: JobResult, job: Job, original: str) -> tuple[Artefact, Inspected]:
    """The artefact, and what else its file shows.

    The child that opened the pickle is not believed: another opens the file, which must give its golden rows. What of
    its words can be looked up is: its name, the pickle it was made of, and what answered as the ``original``.
    """
    seen = parent.inspect(result.onnx, golden=True)
    artefact = _artefact(seen, "the child's file")
    if artefact is None or artefact.parity != result.parity:
        raise Refused("the child's file does not say of itself what the child said")
    with job.model.open("rb") as pickled:
        source = hashlib.file_digest(pickled, "sha256").hexdigest()
    if (artefact.name, artefact.source_sha256, artefact.origin) != (job.name, source, job.origin):
        raise Refused("the child's file says that it is another model's", "do not change the pickle meanwhile")
    if artefact.producer.get("original", "") != original:
        raise Refused("the child's file says that something else answered for the model")
    return artefact, seen


def _artefact(seen: Inspected, file: str) -> Artefact | None:
    try:
        return from_metadata(seen.metadata)
    except BadArtefact as error:
        raise Refused(f"{file}: {error}") from error


@contextlib.contextmanager
def _in_a_strangers_words(whose: str) -> Iterator[None]:
    """What a file or a child says may have any shape. Raises Refused for one that cannot be told."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"{whose} is not made as dynonnx makes it: {error!r}", "convert the model again") from error
