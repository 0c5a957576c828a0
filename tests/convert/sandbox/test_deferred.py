"""Modules that are imported when something of them is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from convert.sandbox.deferred import deferred

NAME = "dear_to_import"


@pytest.fixture
def dear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that can be imported, and is forgotten after the test."""
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "__init__.py").write_text("class Thing:\n    size = 3\n\nthing = Thing()\ndef twice(x): return 2 * x\n")
    (folder / "below.py").write_text("value = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield NAME
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_names_are_there_at_once_and_the_module_when_one_is_used(dear: str) -> None:
    with deferred(dear):
        module = importlib.import_module(dear)
        twice, thing = module.twice, module.thing
    assert dear not in sys.modules
    assert twice(4) == 8
    assert thing.size == 3
    assert module.twice(5) == 10
    assert importlib.import_module(dear).twice.__module__ == dear


def test_used_within_the_block_it_is_the_module_from_then_on(dear: str) -> None:
    with deferred(dear):
        assert importlib.import_module(dear).twice(1) == 2
        real = sys.modules[dear]
    assert sys.modules[dear] is real
    assert real.__file__ is not None


def test_a_module_below_it_is_there_after_the_block(dear: str) -> None:
    with deferred(dear), pytest.raises(ModuleNotFoundError, match=f"{dear}.below"):
        importlib.import_module(f"{dear}.below")
    assert importlib.import_module(f"{dear}.below").value == 7


def test_a_module_that_is_there_stays(dear: str) -> None:
    real = importlib.import_module(dear)
    with deferred(dear):
        assert importlib.import_module(dear) is real


def test_what_it_does_not_have_is_missed_when_it_is_used(dear: str) -> None:
    with deferred(dear):
        absent = importlib.import_module(dear).absent
    with pytest.raises(AttributeError, match="absent"):
        absent(1)
    with pytest.raises(AttributeError):
        importlib.import_module(dear).absent  # noqa: B018
