"""The command line, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from convert.cli.options import ConvertCommand, InspectCommand, JobOptions, VerifyCommand, parse
from convert.errors import UsageError


def test_defaults() -> None:
    command = parse(["build/breast cancer (1).pkl"])
    assert command == ConvertCommand(
        model=Path("build/breast cancer (1).pkl"),
        name="breast-cancer--1-",
        version=None,
        data=None,
        out=Path("models"),
        replace=False,
    )


def test_every_option() -> None:
    words = ["m.pkl", "--name", "n", "--version", "2.0", "--data", "d.csv", "--out", "here", "--replace"]
    words += ["--trust", "a.B", "--trust", "c.D"]
    expected = ConvertCommand(Path("m.pkl"), "n", "2.0", Path("d.csv"), Path("here"), True, JobOptions(("a.B", "c.D")))
    assert parse(words) == expected


def test_the_other_commands() -> None:
    assert parse(["inspect", "a.onnx"]) == InspectCommand(Path("a.onnx"))
    assert parse(["verify", "m.pkl", "a.onnx", "--data", "d.csv"]) == VerifyCommand(
        Path("m.pkl"), Path("a.onnx"), Path("d.csv")
    )


@pytest.mark.parametrize(
    "words",
    [["m.pkl", "--name", "a/b"], ["m.pkl", "--version", ""], ["m.pkl", "--name", "x" * 65], ["---.pkl"]],
)
def test_names_and_versions_are_checked(words: list[str]) -> None:
    with pytest.raises((UsageError, SystemExit)):
        parse(words)


@pytest.mark.parametrize("words", [[], ["m.pkl", "--nope"], ["verify", "m.pkl"], ["inspect"]])
def test_nonsense_ends_with_status_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(words)
    assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err
