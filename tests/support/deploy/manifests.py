"""Owns what deploy/kubernetes says, as kustomize makes it: objects by kind, containers by name. Knows no server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
SOURCES = ("models-from", "models-volume", "models-oci")  # of models that are not in the image
EXTRAS = ("hpa", "hpa-demand", "keda-prometheus", "keda-metrics-api", "service-monitor")

Manifest = dict[str, Any]


def documents(file: str) -> list[Manifest]:
    """The objects of one file."""
    return list(yaml.safe_load_all((FOLDER / f"{file}.yaml").read_text()))


def kustomized(patch: str = "", extra: str = "") -> list[Manifest]:
    """What `kubectl apply -k` applies, with one patch or resource of those that stand behind a # in the file."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl here")
    return list(yaml.safe_load_all(_kustomize(patch, extra)))


@cache
def _kustomize(patch: str, extra: str) -> str:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "kubernetes"
        shutil.copytree(FOLDER, folder)
        _uncomment(folder / "kustomization.yaml", patch, extra)
        made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout


def _uncomment(file: Path, patch: str, extra: str) -> None:
    wanted = [f"{patch or extra}.yaml"] + ["patches:"] * bool(patch)
    lines = [
        line.removeprefix("# ") if any(word in line.split() for word in wanted) else line
        for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines))


def of_kind(manifests: list[Manifest], kind: str) -> Manifest:
    """The one object of a kind."""
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found


def pod_of(manifests: list[Manifest]) -> Manifest:
    """What a pod of the Deployment is."""
    pod: Manifest = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    return pod


def environment_of(container: Manifest) -> dict[str, str]:
    """The variables that a container gets by value."""
    return {variable["name"]: variable["value"] for variable in container.get("env", [])}
