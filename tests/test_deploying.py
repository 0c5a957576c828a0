"""The files that other hosts read are true: what they copy, start, ask and set is there."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from server.settings import Settings, environment_name
from tests.conftest import ROOT
from tests.support.deploy.descriptors import APP_JSON
from tests.support.integration.running import running
from tests.support.models.loading import put
from tests.support.server.models import classifier

DEPLOY = ROOT / "deploy"
PAGES = sorted(DEPLOY.glob("*.md"))
SETTINGS = {environment_name(field) for field in dataclasses.fields(Settings)}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
WEB = "python -m server"
CHECK = "python -m server check"


def test_procfile_checks_before_it_serves() -> None:
    assert (ROOT / "Procfile").read_text() == f"web: {WEB}\nrelease: {CHECK}\n"


def test_a_build_compiles_the_server_for_all_dynos(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "module.py").write_text("x = 1\n")
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    subprocess.run([ROOT / "bin" / "post_compile"], cwd=tmp_path, env={"PATH": path}, check=True)
    (compiled,) = (tmp_path / "server" / "__pycache__").iterdir()
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b11, "by hash, so that no edit is passed over"


def test_app_json_is_as_heroku_documents_it() -> None:
    schema = jsonschema_rs.validator_for(APP_JSON, validate_formats=True)
    app = json.loads((ROOT / "app.json").read_text())
    assert [error.message for error in schema.iter_errors(app)] == []
    env, web = app["env"], app["formation"]["web"]
    for wrong in (
        {**app, "formations": {}},
        {**app, "name": "x" * 31},
        {**app, "stack": "heroku-18"},
        {**app, "formation": {"web": {**web, "size": "huge"}}},
        {**app, "formation": {"web": {**web, "quantity": "1"}}},
        {**app, "env": {**env, "DYNONNX_MAX_ROWS": 100}},
        {**app, "env": {**env, "DYNONNX_MAX_ROWS": {"default": "100"}}},
        {**app, "buildpacks": ["heroku/python"]},
    ):
        assert not schema.is_valid(wrong), wrong


def test_the_button_asks_for_what_there_is() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    assert set(app["env"]) <= SETTINGS
    assert app["env"]["DYNONNX_API_KEYS"]["generator"] == "secret"
    values = {name: said.get("value", "") for name, said in app["env"].items()}
    command = [sys.executable, "-m", "server", "--print-config"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **values}, capture_output=True, check=True)


def test_the_image_copies_what_is_there_and_starts_what_procfile_starts() -> None:
    sources = re.findall(r"^COPY (?:--chown=\d+ )?(?!--)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert sources == ["requirements.txt", "server", "models"]
    assert not [source for source in sources if not (ROOT / source).exists()]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert not [source for source in sources if f"!{source}" not in allowed]
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert json.loads(re.findall(r"^CMD (.*)$", final, re.MULTILINE)[0]) == WEB.split()
    assert int(re.findall(r"^USER (\d+)$", final, re.MULTILINE)[0]) > 0
    assert "pip install" not in final
    assert f"python:{(ROOT / '.python-version').read_text().strip()}-slim" in DOCKERFILE


def test_the_image_is_healthy_while_the_server_is(tmp_path: Path) -> None:
    put(tmp_path / "models", "iris/1/model.onnx", classifier().data)
    words = json.loads(re.findall(r"^HEALTHCHECK .*CMD (.*)$", DOCKERFILE, re.MULTILINE)[0])

    def ask(port: int) -> int:
        environment = {**os.environ, "PORT": str(port)}
        return subprocess.run(
            [sys.executable, *words[1:]], env=environment, capture_output=True, check=False
        ).returncode

    with running({"DYNONNX_MODELS": str(tmp_path / "models")}, tmp_path / "log") as server:
        assert ask(server.port) == 0
    assert ask(server.port) == 1


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze is here")
    text = (DEPLOY / "dynonnx.service").read_text()
    assert f"ExecStart=/opt/dynonnx/.venv/bin/{WEB}\n" in text
    assert f"ExecStartPre=/opt/dynonnx/.venv/bin/{CHECK}\n" in text
    unit = tmp_path / "dynonnx.service"
    home = tmp_path / "home"  # systemd takes a path with a space only between quotes
    home.symlink_to(ROOT)
    python = home / Path(sys.executable).relative_to(ROOT) if sys.executable.startswith(f"{ROOT}/") else sys.executable
    unit.write_text(text.replace("/opt/dynonnx/.venv/bin/python", str(python)).replace("/opt/dynonnx", str(home)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "dynonnx.service" not in done.stderr, done.stderr
    assert done.returncode == 0


def test_fly_checks_before_it_serves() -> None:
    fly = tomllib.loads((DEPLOY / "fly.toml").read_text())
    assert fly["deploy"]["release_command"] == CHECK
    assert (ROOT / fly["build"]["dockerfile"]).is_file()
    assert f"EXPOSE {fly['http_service']['internal_port']}\n" in DOCKERFILE


def test_ray_serves_what_the_file_names() -> None:
    yaml: Any = pytest.importorskip("yaml", reason="PyYAML is not installed")
    (application,) = yaml.safe_load((DEPLOY / "ray" / "serve.yaml").read_text())["applications"]
    (deployment,) = application["deployments"]
    assert set(application["args"]) <= SETTINGS
    for path in (application["import_path"], deployment["autoscaling_config"]["policy"]["policy_function"]):
        module, name = path.split(":")
        assert f"\ndef {name}(" in (ROOT / f"{module.replace('.', '/')}.py").read_text()
    assert f"\nclass {deployment['name']}:" in (DEPLOY / "ray" / "application.py").read_text()
    page = (DEPLOY / "ray" / "README.md").read_text()
    assert set(re.findall(r"\bDYNONNX_[A-Z]+[A-Z_]*", page)) <= SETTINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_names_what_there_is(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= 14
    assert set(re.findall(r"\bDYNONNX_[A-Z_]+", text)) <= SETTINGS
    named = re.findall(r"\b(deploy/[\w.]+\w|requirements\.txt|Dockerfile)\b", text)
    assert not [name for name in named if not (ROOT / name).exists()]
    assert f"deploy/{page.name}" in (ROOT / "docs" / "deploy.md").read_text()
