"""The command line, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from convert.cli.options import ConvertCommand, InspectCommand, VerifyCommand, parse
from convert.errors import UsageError
from convert.sandbox.job_messages import Job


def test_defaults() -> None:
    command = parse(["build/breast cancer (1).pkl"])
    job = Job(Path("build/breast cancer (1).pkl"), "breast-cancer--1-")
    assert command == ConvertCommand(job, version=None, out=Path("models"), replace=False)
    assert (job.timeout_seconds, job.memory_bytes) == (900.0, 8 << 30)


def test_every_option() -> None:
    words = ["m.pkl", "--name", "n", "--version", "2.0", "--data", "d.csv", "--out", "here", "--replace", "--json"]
    words += ["--trust", "a.B", "--trust", "c.D", "--key", "k", "--allow-version-mismatch", "--converters", "t.py"]
    words += ["--timeout", "7.5", "--memory-gb", "0.5", "--allow-ties", "--unconfined", "--method", "transform"]
    words += ["--optimise", "fast"]
    more = (Path("t.py"), 7.5, 1 << 29, True, True)
    job = Job(
        Path("m.pkl"), "n", None, Path("d.csv"), ("a.B", "c.D"), "k", True, *more, method="transform", optimise="fast"
    )
    assert parse(words) == ConvertCommand(job, "2.0", Path("here"), True, True)


def test_the_other_commands() -> None:
    assert parse(["inspect", "a.onnx"]) == InspectCommand(Path("a.onnx"))
    job = Job(Path("m.pkl"), onnx=Path("a.onnx"), data=Path("d.csv"))
    assert parse(["verify", "m.pkl", "a.onnx", "--data", "d.csv"]) == VerifyCommand(job)


def test_an_interpreter_is_found_from_any_folder_and_its_link_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old" / "bin").mkdir(parents=True)
    python = tmp_path / "old" / "bin" / "python"
    python.symlink_to("/usr/bin/env")
    monkeypatch.chdir(tmp_path)
    for words in (["--environment", "old"], ["--python", "old/bin/python"]):
        command = parse(["m.pkl", *words])
        assert isinstance(command, ConvertCommand)
        assert command.python == python


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


@pytest.mark.parametrize("words", [["m.pkl", "--name", "stats"], ["stats.pkl"]])
def test_a_name_that_the_server_would_refuse_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="no model can be called 'stats'"):
        parse(words)
