"""Owns where MLflow keeps a model: from its address to the pickle of its scikit-learn flavour, and where it came from.

MLflow's own command downloads, in a process of its own; nothing it brings is run here, and MLmodel is read as text.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from convert.errors import Refused
from server.artefact.metadata import LONGEST_ORIGIN

SECONDS = 900.0
LAST_WORDS = 600  # characters of what MLflow says when it fails
MOST_MLMODEL_BYTES = 1 << 20
INSTALL = "make mlflow, or pip install mlflow-skinny where you convert"


@dataclass(frozen=True, slots=True)
class Found:
    """The file of a model, the folder with its own code if there is one, and where it came from, in words."""

    file: Path
    code: Path | None
    origin: str


@contextlib.contextmanager
def fetched(address: str) -> Iterator[Found]:
    """The model at ``models:/name/3``, ``runs:/id/path`` or in a folder, while the block lasts. Raises Refused."""
    if (Path(address) / "MLmodel").is_file():
        yield _look_into(Path(address), "")
        return
    with tempfile.TemporaryDirectory(prefix="dynonnx-") as place:
        _download(address, place)
        folders = sorted(file.parent for file in Path(place).rglob("MLmodel"))
        if not folders:
            raise Refused(f"{address} holds no MLmodel, so it is no model of MLflow's", "give the address of the model")
        yield _look_into(folders[0], address)


def _download(address: str, place: str) -> None:
    beside = Path(sys.executable).parent
    mlflow = shutil.which("mlflow", path=str(beside)) or shutil.which("mlflow")
    if mlflow is None:
        raise Refused(f"{address} is MLflow's to resolve, and its command is not here", INSTALL)
    words = [mlflow, "artifacts", "download", f"--artifact-uri={address}", f"--dst-path={place}"]
    try:
        run = subprocess.run(  # noqa: S603  the person's own mlflow command, with words of ours
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"MLflow does not bring {address}: {error}", "try it by hand: " + " ".join(words[:-1])) from error
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip()[-LAST_WORDS:]
        raise Refused(
            f"MLflow does not bring {address}: {said.splitlines()[-1] if said else 'it says nothing'}",
            "check the name and version, and MLFLOW_TRACKING_URI, MLFLOW_REGISTRY_URI and what signs you in",
        )


def _look_into(folder: Path, address: str) -> Found:
    """What stands in a downloaded folder, which a stranger may have filled."""
    with (folder / "MLmodel").open("rb") as opened:
        text = opened.read(MOST_MLMODEL_BYTES).decode(errors="replace")
    flavours = _flavours(text)
    if "sklearn" not in flavours:
        said = ", ".join(flavours) or "none"
        raise Refused(f"the MLflow model has no scikit-learn flavour; it has {said}", "log it by mlflow.sklearn")
    name = _value(flavours["sklearn"], "pickled_model") or "model.pkl"
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise Refused(f"MLmodel says that the model is in {name!r}, which is no file beside it")
    run = _value(text, "run_id")
    told = [part for part in (address, run and f"run {run}") if part]
    code = (folder / "code").resolve()
    inside = code.is_relative_to(folder.resolve()) and code.is_dir()
    return Found(file, code if inside else None, f"MLflow {', '.join(told)}".strip()[:LONGEST_ORIGIN])


def _flavours(text: str) -> dict[str, str]:
    """The flavours that MLmodel lists, each with its lines; a small part of YAML, all that MLflow writes here."""
    found: dict[str, list[str]] = {}
    lines = iter(text.splitlines())
    if any(line.rstrip() == "flavors:" for line in lines):  # it goes on behind that line
        for line in itertools.takewhile(lambda line: not line.strip() or line[0] in " \t", lines):
            if named := re.match(r"  (\w+):", line):
                found[named[1]] = []
            elif found:
                found[list(found)[-1]].append(line)
    return {name: "\n".join(inner) for name, inner in found.items()}


def _value(text: str, key: str) -> str:
    """The first one behind this key, however deep; read by lines, as patterns take long for long runs of blanks."""
    parts = (line.strip().partition(":") for line in text.splitlines())
    value = next((value.strip() for name, mark, value in parts if name == key and mark and value.strip()), "")
    value = value.strip("'\"")
    return "" if value == "null" else value


def name_and_version(address: str) -> tuple[str, str | None]:
    """What to call it unless a person says otherwise: of ``models:/churn/3`` ("churn", "3"), else the last name."""
    registered = re.fullmatch(r"models:/([^/@]+)(?:/(\d+)|/[^/]+|@[^/]+)", address)
    if registered:
        return registered[1], registered[2]
    return re.sub(r"^\w+:/*", "", address).rstrip("/").rpartition("/")[2], None
