"""Recipes: exact versions for every scikit-learn from 1.0 on, and none for what is no version."""

from __future__ import annotations

import pytest

from convert.environments.recipes import pythons_for, recipes_for
from tests.campaigns.versions import pickles


@pytest.mark.parametrize("version", [*pickles.VERSIONS, "1.0", "1.3.0", "1.7.0.post1"])
def test_every_version_from_1_0_on_has_one(version: str) -> None:
    found = recipes_for(version)
    assert bool(found) == (version != "1.0")  # a release has three numbers
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
    ],
)
def test_what_is_no_version_or_not_known_has_none(version: str) -> None:
    assert recipes_for(version) == ()
    assert pythons_for(version) == []
