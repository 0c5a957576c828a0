"""The Dockerfile's steps, run one by one without Docker, and what they made, started as it would be."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.deploy.image import (
    Stage,
    build,
    download_wheels,
    instructions,
    make_base,
    megabytes,
    run,
    start_command,
)
from tests.support.integration.running import Running, free_port
from tests.support.models.loading import put
from tests.support.server.models import classifier

MOST_MEGABYTES = 230  # of what the image adds to its base
BODY = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}).encode()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The last stage, with one model in it."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("only root with debootstrap can run the steps: apt-get install debootstrap")
    if len(str(ROOT).split()) > 1:
        pytest.skip("debootstrap knows no folders with blanks in their names")
    kept = ROOT / "build" / "image"
    kept.mkdir(parents=True, exist_ok=True)
    work = tmp_path_factory.mktemp("image")
    context = work / "context"
    shutil.copytree(ROOT / "server", context / "server", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Dockerfile", "requirements.txt"):
        shutil.copy(ROOT / name, context)
    put(context / "models", "iris/1/model.onnx", classifier().data)
    make_base(kept / "base")
    download_wheels(context / "requirements.txt", kept / "wheels")
    return build(context, kept / "base", kept / "wheels", work)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_image_serves_as_nobody_in_particular(image: Stage, tmp_path: Path) -> None:
    root = image.root
    assert not list((root / "venv").rglob("site-packages/pip"))
    assert not list((root / "venv").rglob("site-packages/sklearn"))
    assert {path.name for path in (root / "app").iterdir()} == {"server", "models"}
    added = megabytes(root / "venv", root / "app")
    assert added < MOST_MEGABYTES
    check = dataclasses.replace(image, command=["python", "-m", "server", "check"])
    run(*start_command(check, {}))  # the init container
    port = free_port()
    began = time.monotonic()
    server = Running({}, tmp_path / "log", start_command(image, {"PORT": str(port)}))
    server.port = port
    try:
        server.wait_until_live()
        seconds = time.monotonic() - began
        assert server.ask("POST", "/predict", BODY).status == 200
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert f"\nUid:\t{image.user}\t{image.user}\t" in status
        assert server.stop() == 0
    finally:
        server.stop()
    sys.stdout.write(f"the image adds {added:.0f} MB to its base; first answer after {seconds:.2f} s\n")


def test_the_dockerfile_has_no_instruction_that_these_steps_leave_out() -> None:
    words = {word for word, _ in instructions((ROOT / "Dockerfile").read_text())}
    told = {"EXPOSE", "HEALTHCHECK", "STOPSIGNAL"}  # what runs it reads these
    assert words == {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "CMD"} | told
