"""Several models: which they are, how many at a time, and in which order they are told."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from convert.cli import several
from convert.cli.options import ConvertCommand, parse
from convert.cli.outcome import DONE, Outcome
from convert.errors import UsageError
from convert.sandbox import parent


def commands(*words: str) -> list[ConvertCommand]:
    command = parse(words)
    assert isinstance(command, ConvertCommand)
    return several.commands_for(command)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four files of models, two of one name; children import nothing here."""
    monkeypatch.setitem(parent.IMPORTS, parent.OPENS_PICKLES, ())
    for name in ("a.pkl", "b.joblib", "b.pkl", "c.skops", "readme.txt"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_models_and_folders_are_named_together(folder: Path) -> None:
    found = commands(str(folder / "a.pkl"), str(folder))
    assert [command.job.model.name for command in found] == ["a.pkl", "a.pkl", "b.joblib", "b.pkl", "c.skops"]
    assert [command.job.name for command in found] == ["a", "a", "b", "b", "c"]
    with pytest.raises(UsageError, match="--out names one file"):
        commands(str(folder), "--out", "x.onnx")
    with pytest.raises(UsageError, match="--report is of one model"):
        commands(str(folder), "--report", "x.html")
    with pytest.raises(UsageError, match="--name is of one model"):
        commands(str(folder / "a.pkl"), str(folder / "b.pkl"), "--name", "x")


def test_outcomes_come_in_order_and_one_name_at_a_time(folder: Path) -> None:
    """Two files of one name become two versions; others run beside them."""
    under_way: list[str] = []
    met = threading.Barrier(2, timeout=60)
    lock = threading.Lock()

    def run(command: ConvertCommand) -> Outcome:
        with lock:
            assert command.job.name not in under_way
            under_way.append(command.job.name)
        if command.job.model.name in ("a.pkl", "b.joblib"):
            met.wait()  # both are under way at once
        with lock:
            under_way.remove(command.job.name)
        return Outcome(DONE, command.job.model.name)

    outcomes = several.run_each(commands(str(folder)), run, 2)
    assert [outcome.printed for outcome in outcomes] == ["a.pkl", "b.joblib", "b.pkl", "c.skops"]


def test_what_breaks_in_one_is_raised_and_ends_all(folder: Path) -> None:
    def run(command: ConvertCommand) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(several.run_each(commands(str(folder)), run, 2))


def test_as_many_at_once_as_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = commands(str(folder))
    monkeypatch.setattr(several, "_processors", lambda: 8)
    for free, most in ((0, 1), (3 << 30, 2), (64 << 30, 4)):
        monkeypatch.setattr(several, "memory", lambda free=free: free)
        assert several.how_many(found) == most
    monkeypatch.setattr(several, "_processors", lambda: 2)
    assert several.how_many(found) == 2
    monkeypatch.undo()
    assert several.memory() > 0
