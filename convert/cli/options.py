"""Owns the command line: words in, one frozen command out. Pure; prints nothing and reads no file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convert.cli.grammar import convert_parser, doctor_parser, inspect_parser, sign_parser, verify_parser
from convert.cli.mlflow_models import name_and_version
from convert.environments.interpreters import python_of
from convert.errors import UsageError
from convert.sandbox.job_messages import Job
from server.artefact.metadata import NAME_PATTERN, RESERVED_NAMES


@dataclass(frozen=True, slots=True)
class ConvertCommand:
    """``python -m convert MODEL``. ``version`` is None for "one above the highest"."""

    job: Job
    version: str | None
    out: Path
    replace: bool
    json: bool = False
    debug: bool = False
    python: Path | None = None  # an interpreter with the scikit-learn of the pickle
    mlflow: str | None = None  # where MLflow has the model, in place of ``job.model``
    report: Path | None = None  # an HTML page
    more: tuple[Path, ...] = ()  # models beside the job's, each under its file's name


@dataclass(frozen=True, slots=True)
class InspectCommand:
    """``python -m convert inspect FILE``."""

    file: Path
    json: bool = False
    debug: bool = False


@dataclass(frozen=True, slots=True)
class VerifyCommand:
    """``python -m convert verify MODEL FILE``."""

    job: Job
    json: bool = False
    debug: bool = False
    python: Path | None = None


@dataclass(frozen=True, slots=True)
class DoctorCommand:
    """``python -m convert doctor MODEL``."""

    model: Path
    json: bool = False
    debug: bool = False


@dataclass(frozen=True, slots=True)
class SignCommand:
    """``python -m convert sign FILE``. ``name`` and ``version`` are None for those that its path tells."""

    file: Path
    key: Path
    name: str | None
    version: str | None
    json: bool = False
    debug: bool = False


Command = ConvertCommand | DoctorCommand | InspectCommand | VerifyCommand | SignCommand


def parse(words: Sequence[str]) -> Command:
    """The command. Raises UsageError; ``--help`` ends the program as argparse does."""
    if words and words[0] == "inspect":
        given = inspect_parser().parse_args(words[1:])
        return InspectCommand(given.file, given.json, given.debug)
    if words and words[0] == "doctor":
        given = doctor_parser().parse_args(words[1:])
        return DoctorCommand(given.model, given.json, given.debug)
    if words and words[0] == "verify":
        given = verify_parser().parse_args(words[1:])
        job = replace(_job(given), onnx=given.file, allow_ties=given.allow_ties)
        return VerifyCommand(job, given.json, given.debug, _python(given))
    if words and words[0] == "sign":
        given = sign_parser().parse_args(words[1:])
        return SignCommand(given.file, given.key, given.name, given.version, given.json, given.debug)
    parser = convert_parser()
    given = parser.parse_args(words)
    if bool(given.models) == (given.mlflow is not None):
        parser.error("say which model: either files or a folder, or --mlflow ADDRESS")
    given.model, *more = given.models or [None]
    if more and given.name is not None:
        raise UsageError("--name is of one model, and there are several")
    version = None if given.version is None else _checked("--version", given.version)
    if given.mlflow is not None:
        name, registered = name_and_version(given.mlflow)
        given.model, version = Path(name), version or registered
    name = _free(_checked("--name", given.name) if given.name is not None else default_name(given.model))
    ways = {"allow_ties": given.allow_ties, "alone": given.alone, "method": given.method, "optimise": given.optimise}
    job = replace(_job(given), name=name, **ways)
    command = ConvertCommand(job, version, given.out, given.replace, given.json, given.debug, _python(given))
    return replace(command, mlflow=given.mlflow, report=given.report, more=tuple(more))


def _job(given: argparse.Namespace) -> Job:
    return Job(
        given.model,
        data=given.data,
        trusted=tuple(given.trust),
        key=given.key,
        any_version=given.allow_version_mismatch,
        converters=given.converters,
        timeout_seconds=given.timeout,
        memory_bytes=int(given.memory_gb * (1 << 30)),
        unconfined=given.unconfined,
        code=given.trust_code,
        paths=tuple(given.path),
    )


def _python(given: argparse.Namespace) -> Path | None:
    """Its whole path, as it runs in a folder of its own; a link is kept, as it says which environment it is."""
    python: Path | None = given.python if given.environment is None else python_of(given.environment)
    return None if python is None else python.absolute()


def default_name(model: Path) -> str:
    """A model's name from its file's stem: what a name may not hold becomes ``-``."""
    stem = model.name.split(".")[0] or model.name
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", stem).lstrip("_.-")[:64]
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(f"no name can be made of '{model.name}': give one with --name")
    return name


def _free(name: str) -> str:
    if name in RESERVED_NAMES:
        raise UsageError(f"no model can be called '{name}', as the v2 protocol has a path of that name: give another")
    return name


def _checked(option: str, value: str) -> str:
    if not NAME_PATTERN.fullmatch(value):
        raise UsageError(
            f"{option} {value!r}: use letters, digits, '_', '.', '-', at most 64, the first a letter or digit"
        )
    return value
