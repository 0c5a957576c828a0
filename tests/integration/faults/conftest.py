"""What tests of faults share: one server a module, behind each door and in processes, looked at after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.integration.targets import TARGETS, Target, open_target


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The server that a module's ``MODELS``, ``SETTINGS`` and ``GOLDEN`` describe."""
    told = request.module
    models = {name: make() for name, make in told.MODELS.items()}
    with open_target(request.param, tmp_path_factory.mktemp("models"), models, told.GOLDEN, **told.SETTINGS) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _unharmed(target: Target) -> Iterator[None]:
    yield
    target.check_unharmed()
