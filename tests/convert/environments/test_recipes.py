"""Recipes: exact versions for every scikit-learn from 1.0 on, and none for what is no version."""

from __future__ import annotations

import pytest

from convert.environments.recipes import nearest, pythons_for, recipes_for
from tests.campaigns.versions import pickles


@pytest.mark.parametrize("version", [*pickles.VERSIONS, "1.0", "1.3.0", "1.4.1.post1"])
def test_every_version_from_1_0_on_has_one(version: str) -> None:
    found = recipes_for(version)
    assert found
    for recipe in found:
        assert all(package.count("==") == 1 for package in recipe.packages)
        assert {package.partition("==")[0] for package in recipe.packages} >= {"numpy", "scipy", "pandas", "joblib"}
    assert len(pythons_for(version)) == len(set(pythons_for(version)))


@pytest.mark.parametrize(
    "version",
    [
        "0.24.2",
        "1.99.0",
        "1.2.2 --index-url x",
        "1.2.2\n",
        "../1.2.2",
        "1.2.dev0",
        "pre-0.18",
        "",
        "1.٢.2",
        "1.2.2" * 9,
        "1.2.99",
        "1.0.0",
        "1.4.1",
        "1.7.0.post1",
        "01.2.2",
    ],
)
def test_what_is_no_version_or_not_known_has_none(version: str) -> None:
    assert recipes_for(version) == ()
    assert pythons_for(version) == []


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("1.2.99", "1.2.2"),
        ("1.0.0", "1.0"),
        ("1.4.1", "1.4.1.post1"),
        ("1.3.0rc1", "1.3.0"),
        ("1.2.dev0", "1.2.0"),
        ("1.99.0", None),
        ("0.24.2", None),
        ("1.2.2 --index-url x", None),
        ("", None),
    ],
)
def test_what_was_never_released_has_a_nearest_release(version: str, known: str | None) -> None:
    assert nearest(version) == known
    assert known is None or recipes_for(known)
