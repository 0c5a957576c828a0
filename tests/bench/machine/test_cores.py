"""Which cores serve and which generate: never the same where there is a choice."""

from __future__ import annotations

import pytest

from bench.machine.cores import split


@pytest.mark.parametrize(
    ("available", "wanted", "server", "generator"),
    [
        ({0, 1}, 1, {0}, {1}),
        ({2, 3, 5, 7}, 1, {2}, {3, 5, 7}),
        ({0, 1, 2, 3}, 2, {0, 1}, {2, 3}),
        ({0, 1}, 4, {0}, {1}),  # one core at least is left to the generator
    ],
)
def test_server_and_generator_do_not_share(
    available: set[int], wanted: int, server: set[int], generator: set[int]
) -> None:
    cores = split(frozenset(available), wanted)
    assert (set(cores.server), set(cores.generator)) == (server, generator)
    assert cores.spin


@pytest.mark.parametrize("available", [set(), {3}])
def test_with_one_core_or_none_known_nothing_is_pinned_and_nobody_spins(available: set[int]) -> None:
    cores = split(frozenset(available))
    assert not cores.server
    assert not cores.generator
    assert not cores.spin
    assert "one core" in cores.said
