"""What `check` tells at a terminal: nothing that somebody wrote into a name moves it."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from server.doctor.__main__ import main

NAMES = ("\x1b[2J\x1b[31mred", "a\ngood: all is well", "\u202egnp", "\x9b31m")


@pytest.mark.fault(58)
def test_names_of_files_are_told_without_what_a_terminal_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1/model.onnx").write_bytes(b"")
    (tmp_path / "x; touch y\x1b.pkl").write_bytes(b"")
    monkeypatch.setattr("server.doctor.__main__.logging", SimpleNamespace(disable=lambda: None))
    monkeypatch.setenv("DYNONNX_MODELS", str(tmp_path))
    assert main(["check"], None) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(NAMES) + 1
    assert all(line.isprintable() and line.startswith("refused: ") for line in lines)
    (command,) = (line.partition("python -m convert ")[2] for line in lines if "is a pickle" in line)
    assert shlex.split(command.removesuffix(", then remove it"))[0].endswith("x; touch y\\x1b.pkl")


def test_a_default_model_that_is_none_is_told_beside_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = [SimpleNamespace(name="iris", version="1", verdict=SimpleNamespace(golden_rows=2))]
    monkeypatch.setattr("server.doctor.__main__.logging", SimpleNamespace(disable=lambda: None))
    monkeypatch.setattr(
        "server.doctor.__main__.try_models",
        lambda *_: SimpleNamespace(models=tuple(served), refused={}),
    )
    monkeypatch.setenv("DYNONNX_MODELS", str(tmp_path))
    monkeypatch.setenv("DYNONNX_DEFAULT_MODEL", "irs")
    assert main(["check"], None) == 1
    assert capsys.readouterr().out.endswith("DYNONNX_DEFAULT_MODEL is irs, and no such model serves: there is iris\n")
    served.clear()
    assert main(["check"], None) == 1
    assert capsys.readouterr().out == "DYNONNX_DEFAULT_MODEL is irs, and no such model serves: there is none\n"
