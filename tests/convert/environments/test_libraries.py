"""Libraries: exact releases for each scikit-learn, by what a file tells of the one that wrote it."""

from __future__ import annotations

import pytest

from convert.environments.libraries import MODULES, packages_of, scikit_learn_beside
from convert.environments.recipes import recipes_for
from convert.opening.earlier import versions

MINORS = [f"1.{minor}" for minor in range(9)]


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("module", sorted(MODULES - {"xgboost"}))
def test_every_scikit_learn_has_each(module: str, minor: str) -> None:
    found = packages_of(module, "", minor)
    assert found
    assert all(package.count("==") == 1 for package in found)


@pytest.mark.parametrize(
    ("module", "told", "package", "beside"),
    [
        ("xgboost", "1.7.6", "xgboost==1.7.6", "1.2.2"),
        ("xgboost", "1.7.0", "xgboost==1.7.6", "1.2.2"),
        ("xgboost", "2.0.1", "xgboost==2.0.3", "1.3.2"),
        ("xgboost", "2.1", "xgboost==2.1.4", "1.5.2"),
        ("lightgbm", "3", "lightgbm==3.3.5", "1.2.2"),
        ("lightgbm", "4", "lightgbm==4.5.0", "1.5.2"),
    ],
)
def test_a_booster_goes_by_the_release_that_wrote_it(module: str, told: str, package: str, beside: str) -> None:
    assert packages_of(module, told, "1.3") == (package,)
    assert scikit_learn_beside({module: told, "imblearn": ""}) == beside
    assert recipes_for(beside)


@pytest.mark.parametrize("told", ["0.90", "1.70.1", "17", "2 --index-url x", "x", ""])
def test_of_a_release_that_is_not_known_there_is_nothing(told: str) -> None:
    assert packages_of("xgboost", told, "1.3") == ()
    assert scikit_learn_beside({"xgboost": told}) == ""


def test_of_catboost_none_is_known() -> None:
    assert sorted(versions.LIBRARIES) == sorted({*MODULES, "catboost"})
    assert packages_of("catboost", "", "1.3") == ()
