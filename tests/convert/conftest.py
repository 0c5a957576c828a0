"""Models that several tests need, trained once."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from convert.job import Converted, convert
from convert.opening.opener import OpenPolicy
from convert.proof import questions
from convert.sandbox import parent
from convert.sandbox.zygote import use, zygote
from convert.tracing import patches
from examples import train


@pytest.fixture(scope="session")
def forked() -> Iterator[None]:
    """Children are forked from one process in all tests that ask for it: what they need is imported once."""
    with zygote(parent.IMPORTS[parent.OPENS_PICKLES]) as one, use(one):
        yield
        assert one.is_there, "a test ended it, and all after that one imported everything again"


@pytest.fixture(scope="session")
def collected() -> frozenset[str]:
    """The modules that were there when the first of these tests began."""
    return frozenset(sys.modules)


@pytest.fixture(autouse=True)
def own_module_alone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, collected: frozenset[str]
) -> None:
    """A person's process holds few modules of theirs, this one hundreds of tests: no recording need look there."""

    def modules() -> list[ModuleType]:
        new = [sys.modules[name] for name in sys.modules.keys() - collected]
        return [request.module, *filter(patches.is_of_a_person, new)]

    monkeypatch.setattr(patches, "modules_of_a_person", modules)


@pytest.fixture(scope="session")
def trained() -> dict[str, Any]:
    """The four example models by name."""
    return {**{name: make() for name, make in train.MODELS.items()}, "churn": train.train_churn()}


@pytest.fixture(scope="session")
def converted() -> Callable[..., Converted]:
    """Makes the artefact of a fitted model, through its pickle, as the child process does, from fewer proof rows."""

    def run(model: Any, data: Any = None, alone: bool = False) -> Converted:
        with pytest.MonkeyPatch.context() as patch:
            # A test may ask for fewer still.
            patch.setattr("convert.proof.questions.ROWS", min(vars(questions)["ROWS"], 3000))
            patch.setattr("convert.proof.speed.REPEATS", 1)
            return convert(pickle.dumps(model), "m", data, OpenPolicy(), lambda *_: None, alone=alone)

    return run


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what shows on any row, where a row costs much: the slow suite compares all 10,000."""
    monkeypatch.setattr("convert.proof.questions.ROWS", 500)


@pytest.fixture(scope="session")
def agrees(converted: Callable[..., Converted]) -> Callable[..., Converted]:
    """The same, and no row may differ."""

    def run(model: Any, data: Any = None, alone: bool = False) -> Converted:
        done = converted(model, data, alone)
        assert not done.proof.bad, done.proof.bad
        assert done.proof.wrong == 0
        return done

    return run


@pytest.fixture
def iris_file(trained: dict[str, Any], tmp_path: Path) -> Path:
    """The iris example as a pickle file."""
    path = tmp_path / "iris.pkl"
    path.write_bytes(pickle.dumps(trained["iris"]))
    return path
