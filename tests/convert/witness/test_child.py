"""The witness's process: what it runs is plain Python 3.8, and it stands behind the walls before it opens anything."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convert.environments.interpreters import find_python
from convert.sandbox import limits
from convert.witness import frames
from tests.support.convert.hostile import Calls

ROOT = Path(__file__).parents[3]
MAKING = ("__init__.py", "arrays.py", "boosters.py", "tables.py", "ubjson.py", "xgboosters.py")
OLD_ENOUGH = [*ROOT.glob("convert/witness/*.py"), *ROOT.glob("server/confinement/*.py")]
OLD_ENOUGH += [ROOT / "convert/opening" / name for name in ("__init__.py", "plain.py", "refusal.py", "watched.py")]
OLD_ENOUGH += [ROOT / "convert/opening/making" / name for name in MAKING]
OLD_ENOUGH += [ROOT / "convert/errors.py"]
OLD_ENOUGH += [ROOT / "convert/__init__.py", ROOT / "server/__init__.py", ROOT / "convert/sandbox/limits.py"]


@pytest.mark.parametrize("path", [path for path in OLD_ENOUGH if path.name != "client.py"], ids=str)
def test_python_3_8_reads_it(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("minor", ["3.8", "3.9", "3.10"])
def test_an_old_python_stands_behind_the_walls(minor: str) -> None:
    python = find_python(minor)
    if python is None:
        pytest.skip(f"there is no Python {minor} here")
    code = "import convert.sandbox.limits, server.confinement.walls as w; print(w.confine())"
    run = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "()", run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
def test_what_a_pickle_does_there_it_does_behind_the_walls(tmp_path: Path) -> None:
    (asked, asks), (replied, replies) = os.pipe(), os.pipe()
    words = [str(asked), str(replies), str(8 << 30), "60"]
    witness = subprocess.Popen(
        [sys.executable, "-m", "convert.witness.child", *words],
        env=limits.environment(str(ROOT), str(tmp_path)),
        cwd=tmp_path,
        pass_fds=[asked, replies],
        stderr=subprocess.DEVNULL,
    )
    os.close(asked)
    os.close(replies)
    content = pickle.dumps(Calls(os.mkdir, str(tmp_path / "made")))
    with os.fdopen(asks, "wb") as questions, os.fdopen(replied, "rb") as answers:
        head = {"do": "open", "names": [["posix", "mkdir"]], "stand_ins": [], "key": None}
        frames.write(questions, head, {"pickle": np.frombuffer(content, np.uint8)})
        assert "Operation not permitted" in frames.read(answers)[0]["error"]
    assert witness.wait(30) == 0
    assert not (tmp_path / "made").exists()
