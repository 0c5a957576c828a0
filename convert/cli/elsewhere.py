"""Owns what is done where a model is another scikit-learn's: an interpreter is found or made, and answers for it.

Knows nothing of terminals.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convert.environments.interpreters import versions_in
from convert.environments.making import CannotMake, Tell, environment_with
from convert.environments.recipes import nearest
from convert.errors import OtherVersion, Refused
from convert.sandbox import parent
from convert.sandbox.job_messages import Job, JobResult
from convert.sandbox.parent import Elsewhere


@dataclass(frozen=True, slots=True)
class Environments:
    """Where other versions are had: an interpreter that a person gave, else one in the folder of those we made."""

    kept: Path
    given: Path | None = None


def run(job: Job, environments: Environments, tell: Tell) -> tuple[JobResult, str]:
    """Runs the job; answers its result, and what answered as the original if that was not this very environment.

    Raises Refused.
    """
    try:
        return parent.run(job, tell), ""
    except OtherVersion as other:
        elsewhere = _find(other, environments, tell)
    return parent.run(job, tell, elsewhere), elsewhere.told


def _find(other: OtherVersion, environments: Environments, tell: Tell) -> Elsewhere:
    try:
        python = environments.given or environment_with(other.version, environments.kept, tell)
    except CannotMake as error:
        raise Refused(
            other.reason,
            f"{error.command} ({error}). With an environment of your own: --environment DIR, or --python PATH."
            f" Else {other.remedy}",
        ) from error
    versions = versions_in(python)
    there = versions["scikit-learn"]
    if there.split(".")[:2] != other.version.split(".")[:2]:
        raise Refused(
            f"the model was pickled with scikit-learn {other.version}, and {python} has {there}",
            f"{python} -m pip install scikit-learn=={nearest(other.version) or other.version},"
            " or leave --python and --environment out",
        )
    return Elsewhere(python, there, ", ".join(f"{name} {version}" for name, version in versions.items()))
