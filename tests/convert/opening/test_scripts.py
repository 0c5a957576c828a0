"""Scripts and notebooks are read within bounds, once, and one that cannot be read is named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from convert.errors import Refused
from convert.opening import scripts
from convert.opening.own_code import OwnCode
from convert.opening.scripts import Script

GOOD = "def scale(x):\n    return x\n"
CELL = {"cell_type": "code", "source": GOOD}


def nested(file: Path) -> None:
    file.write_text('{"cells": ' + "[" * 200_000)


def crowded(file: Path) -> None:
    file.write_text('{"cells": [' + "[]," * 60 + "[]]}")


def endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


def large(file: Path) -> None:
    file.write_bytes(b" " * 2001)


FAULTS: dict[str, Callable[[Path], object]] = {
    "a named pipe": os.mkfifo,
    "a device": endless,
    "a folder": Path.mkdir,
    "a link to itself": lambda file: file.symlink_to(file.name),
    "a large file": large,
    "deep JSON": nested,
    "much JSON": crowded,
    "no JSON": lambda file: file.write_text("def scale(x): pass"),
    "no notebook": lambda file: file.write_text('["scale"]'),
    "cells of numbers": lambda file: file.write_text(json.dumps({"cells": [3]})),
    "code of numbers": lambda file: file.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [3]}]})),
    "other letters": lambda file: file.write_bytes(b"\xff\xfe\x00s"),
}


@pytest.fixture(params=sorted(FAULTS))
def broken(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook that is none, in a folder that has the script ``good.py``."""
    monkeypatch.setattr(scripts, "MOST_BYTES", 2000 if request.param == "a large file" else 1 << 20)
    monkeypatch.setattr(scripts, "MOST_MARKS", 50 if request.param == "much JSON" else 1 << 20)
    monkeypatch.setattr("sys.path", [])
    (tmp_path / "good.py").write_text(GOOD)
    file = tmp_path / "broken.ipynb"
    FAULTS[request.param](file)
    return file


def test_what_is_no_notebook_is_named(broken: Path) -> None:
    with pytest.raises(Refused, match=r"broken\.ipynb is no script or notebook"):
        Script(broken).module  # noqa: B018  it is made when it is asked for


def test_what_is_no_notebook_hides_nothing_beside_it(broken: Path) -> None:
    assert OwnCode([broken.parent]).find("__main__", "scale")(4) == 4


def test_much_code_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "MOST_CODE", 100)
    (tmp_path / "many.ipynb").write_text(json.dumps({"cells": [CELL] * 5}))
    with pytest.raises(Refused, match=r"many\.ipynb .* more than 100 characters"):
        Script(tmp_path / "many.ipynb").defines("scale")


@pytest.mark.parametrize("deep", ["x = " + "(" * 150_000 + ")" * 150_000, "x = " + "-" * 150_000 + "1"])
def test_a_cell_that_nests_beyond_the_parser_is_left_out(tmp_path: Path, deep: str) -> None:
    file = tmp_path / "deep.ipynb"
    file.write_text(json.dumps({"cells": [{"cell_type": "code", "source": deep}, CELL]}))
    assert Script(file).module.scale(3) == 3


def test_a_script_that_would_end_the_program_does_not(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text(f"import sys\ntry:\n    sys.exit(3)\nfinally:\n    pass\n{GOOD}")
    assert Script(tmp_path / "ends.py").module.scale(3) == 3


def test_a_file_that_changes_meanwhile_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "good.py"
    file.write_text(GOOD)
    script = Script(file)
    assert script.defines("scale")
    file.write_text("")
    assert script.module.scale(3) == 3
