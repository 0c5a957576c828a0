"""Heroku's Fir: what its buildpacks read is there, and every package has a wheel for its processors."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from server.doctor.memory import SIZES, size_named
from server.processes.plan import MIB
from server.settings import Settings, read_settings
from tests.campaigns.supply.lock import normalised, read_pins
from tests.conftest import ROOT
from tests.support.deploy.descriptors import PROJECT_TOML

PROJECT = tomllib.loads((ROOT / "project.toml").read_text())
PYTHON = (ROOT / ".python-version").read_text().strip()
GLIBCS = (28, 27, 17)  # heroku-24 has 2.39; pip asks for each tag by itself


def test_project_toml_is_as_buildpacks_specify_it() -> None:
    schema = jsonschema_rs.validator_for(PROJECT_TOML, validate_formats=True)
    assert [error.message for error in schema.iter_errors(PROJECT)] == []
    of_builds = PROJECT["io"]["buildpacks"]
    for wrong in (
        {"io": PROJECT["io"]},
        {**PROJECT, "io": {"buildpacks": {**of_builds, "include": ["server"]}}},
        {**PROJECT, "io": {"buildpacks": {**of_builds, "group": [{"id": "heroku/python", "uri": "x:y"}]}}},
        {**PROJECT, "io": {"buildpacks": {"build": {"exclude": of_builds["exclude"]}}}},
    ):
        assert not schema.is_valid(wrong), wrong


def test_its_buildpacks_find_what_they_are_for() -> None:
    groups = [group["id"] for group in PROJECT["io"]["buildpacks"]["group"]]
    assert groups == ["heroku/python", "heroku/procfile"]
    assert (ROOT / "requirements.txt").is_file()
    assert (ROOT / "Procfile").is_file()
    others = ("Pipfile", "Pipfile.lock", "poetry.lock", "uv.lock", "setup.cfg", "runtime.txt")
    assert not [name for name in others if (ROOT / name).exists()]


def test_it_leaves_out_what_a_slug_does() -> None:
    assert PROJECT["io"]["buildpacks"]["exclude"] == (ROOT / ".slugignore").read_text().split()


def test_its_sizes_say_what_they_are() -> None:
    assert size_named("dyno-2c-8gb") == (8192 * MIB, 2)
    assert size_named("Dyno-1c-0.5gb") == (512 * MIB, 1)
    assert size_named("basic") == SIZES["basic"]
    assert size_named("dyno-2c") is None


def test_its_telemetry_variables_change_nothing() -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SERVICE_NAME": "web"}
    assert read_settings(told) == Settings()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-signing.txt"])
def test_every_pin_has_a_wheel_for_arm64(name: str, tmp_path: Path) -> None:
    """Asks the index, and downloads 60 MB, each file by its hash."""
    options = ["--only-binary", ":all:", "--no-deps", "--require-hashes", "--python-version", PYTHON]
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in GLIBCS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, *platforms, "-d", str(tmp_path)]
    done = subprocess.run([*command, "-r", str(ROOT / name)], capture_output=True, text=True, timeout=900, check=False)
    if "ConnectionError" in done.stderr or "Failed to establish a new connection" in done.stderr:
        pytest.skip("no index can be reached")
    assert done.returncode == 0, done.stderr[-2000:]
    brought = {normalised(file.name.partition("-")[0]) for file in tmp_path.glob("*.whl")}
    assert brought == set(read_pins(ROOT / name))
