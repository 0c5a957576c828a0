"""Each verb of the Makefile installs what its step needs and no more, the dyno's packages by hash, by uv or by pip."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.integration.clone import ENVIRONMENT

SERVING = ["requirements.txt"]
CONVERTING = [*SERVING, "requirements-convert.txt"]
ALL = [*CONVERTING, "requirements-dev.txt"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which nothing was installed or made."""
    folder = tmp_path_factory.mktemp("bare")
    for file in [*ROOT.glob("requirements*"), ROOT / "Makefile", ROOT / "Procfile"]:
        shutil.copy(file, folder)
    (folder / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "train.py", folder / "examples")
    return folder


def would_do(bare: Path, *words: str) -> str:
    command = ["make", "--dry-run", *words]
    return subprocess.run(
        command, cwd=bare, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.parametrize(
    ("words", "lists"),
    [
        (("serve",), SERVING),
        (("doctor",), SERVING),
        (("convert", "MODEL=a.pkl"), CONVERTING),
        (("run",), CONVERTING),
        (("install",), CONVERTING),
        (("test",), ALL),
        (("lint",), ALL),
        (("bench",), ALL),
        (("bench-quick",), ALL),
        (("bench-micro",), ALL),
        (("footprint",), ALL),
        (("test-slow",), ALL),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else len(value),
)
def test_a_verb_installs_what_it_needs_on_a_bare_machine(bare: Path, words: tuple[str, ...], lists: list[str]) -> None:
    lines = dict.fromkeys(would_do(bare, *words, "UV=").splitlines())  # a make within a make would say it again
    installs = [line for line in lines if " install " in line]
    assert [re.sub(r".* -r ", "", line) for line in installs] == lists
    assert all("-m pip install" in line for line in installs)
    assert ["--require-hashes" in line for line in installs] == [name == "requirements.txt" for name in lists]


def test_uv_installs_where_it_is_there(bare: Path) -> None:
    lines = would_do(bare, "develop", "UV=/usr/bin/uv").splitlines()
    assert not [line for line in lines if "-m pip" in line or "-m venv" in line]
    installs = [line for line in lines if line.startswith("/usr/bin/uv pip install ")]
    assert [re.sub(r".* -r ", "", line) for line in installs] == ALL
    assert "--require-hashes" in installs[0]


PYTHON = """#!/bin/sh
echo "$2 ran"
case "$2" in pytest) exit $TESTS ;; mypy) exit $TYPES ;; ruff) test "$3" != format || exit $STYLE ;; esac
"""


@pytest.mark.parametrize(
    ("style", "types", "tests"), [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 2)], ids=lambda status: str(status)
)
def test_style_types_and_tests_each_fail_the_whole(bare: Path, style: int, types: int, tests: int) -> None:
    """What does the work is a stand-in here."""
    python = bare / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    statuses = {"STYLE": str(style), "TYPES": str(types), "TESTS": str(tests)}
    command = ["make", "test", f"PY={python}", "--old-file", "develop", "--old-file", "models"]
    done = subprocess.run(
        command, cwd=bare, env=ENVIRONMENT | statuses, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode == 0) == (style == types == tests == 0), done.stdout
    assert ("lint failed" in done.stderr) == bool(style or types)
    assert ("tests failed" in done.stderr) == bool(tests)
    said = ["pytest ran", "ruff ran", "ruff ran", *([] if style else ["mypy ran"])]
    assert done.stdout.splitlines() == said, "what lint says comes last"
