"""Owns what is done where a model is another scikit-learn's: an interpreter is found or made, and answers for it.

Knows nothing of terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convert.environments.interpreters import versions_in
from convert.environments.libraries import Libraries, packages_of, scikit_learn_beside
from convert.environments.making import CannotMake, Tell, environment_with
from convert.environments.recipes import nearest
from convert.errors import OtherVersion, Refused
from convert.sandbox import parent
from convert.sandbox.job_messages import Job, JobResult
from convert.sandbox.parent import Elsewhere

DISTRIBUTIONS = {  # what the packages of a module are called
    "category_encoders": ("category-encoders",),
    "feature_engine": ("feature-engine",),
    "imblearn": ("imbalanced-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}


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
        python = environments.given or _made(other, environments.kept, tell)
    except CannotMake as error:
        raise Refused(
            other.reason,
            f"{error.command} ({error}). With an environment of your own: --environment DIR, or --python PATH."
            f" Else {other.remedy}",
        ) from error
    versions = versions_in(python)
    there = versions["scikit-learn"]
    if other.version and there.split(".")[:2] != other.version.split(".")[:2]:
        raise Refused(
            f"the model was pickled with scikit-learn {other.version}, and {python} has {there}",
            f"{python} -m pip install scikit-learn=={nearest(other.version) or other.version},"
            " or leave --python and --environment out",
        )
    _must_have(other.libraries, versions, python)
    return Elsewhere(python, there, ", ".join(f"{name} {version}" for name, version in versions.items()))


def _made(other: OtherVersion, kept: Path, tell: Tell) -> Path:
    version = other.version or scikit_learn_beside(other.libraries)
    if not version:
        needed = " and ".join(f"{module} {told}".strip() for module, told in other.libraries.items())
        raise CannotMake(f"no environment with {needed} is known", f"make one with {needed}, scikit-learn and pandas")
    return environment_with(version, kept, tell, other.libraries)


def _must_have(libraries: Libraries, versions: Mapping[str, str], python: Path) -> None:
    """Raises Refused where an interpreter lacks a library, or has another release of it than wrote the file."""
    minor = ".".join(versions["scikit-learn"].split(".")[:2])
    for module, told in libraries.items():
        names = DISTRIBUTIONS.get(module, (module,))
        there = next((versions[name] for name in names if name in versions), "")
        digits = len(told.split(".")[:2])  # XGBoost tells two numbers that matter, LightGBM one
        if there and (not told or there.split(".")[:digits] == told.split(".")[:digits]):
            continue
        wanted = packages_of(module, told, minor) or (f"{names[0]}=={told}" if told else names[0],)
        raise Refused(
            f"the model needs {' '.join([module, told]).strip()}, and {python} has {there or 'none'}",
            f"{python} -m pip install {' '.join(wanted)}, or leave --python and --environment out",
        )
