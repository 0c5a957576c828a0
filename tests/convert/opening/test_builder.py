"""The four doors: what a name means, what is called, what is made, where a state goes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LassoLars, LinearRegression
from sklearn.tree._tree import Tree

from convert.errors import Refused
from convert.opening import allowlist
from convert.opening.builder import Builder, may_hold
from convert.opening.inert import Absent, Inert
from convert.opening.making.makers import MAKERS, Maker
from convert.opening.names import kinds


class Own:
    """A class that a person may trust."""

    def __init__(self) -> None:
        self.made = True

    def __setstate__(self, state: Any) -> None:
        self.state = state


OWN = f"{Own.__module__}.Own"


def test_every_name_is_good_for_one_thing() -> None:
    tables = [set(kinds.KINDS), kinds.FUNCTIONS, kinds.TYPES, kinds.INERT]
    assert sum(map(len, tables)) == len(set().union(*tables))
    assert not kinds.INERT & MAKERS.keys()
    assert not kinds.FUNCTIONS & MAKERS.keys()


def test_a_name_is_found_refused_or_stood_in_for() -> None:
    found = Builder(())
    assert found.find("numpy", "log1p") is np.log1p
    assert isinstance(found.find("numpy.dtype".partition(".")[0], "dtype"), Maker)
    assert repr(found.find("sklearn.metrics._scorer", "_Scorer")) == "_Scorer"
    assert isinstance(found.find("os", "system"), Absent)
    assert isinstance(found.find("numpy", "log1p.reduce"), Absent)
    assert found.refused == ["os.system", "numpy.log1p.reduce"]


def test_what_is_trusted_passes_every_door() -> None:
    trusting = Builder((OWN, "builtins.len"))
    kind = trusting.find(Own.__module__, "Own")
    assert trusting.call(kind, ()).made
    made = trusting.new(kind, ())
    trusting.fill(made, {"predict": 1})
    trusting.fill(made, "again")
    assert made.state == "again"
    assert trusting.call(trusting.find("builtins", "len"), ("abc",)) == 3


def test_a_native_object_needs_its_state() -> None:
    careful = Builder(())
    tree = careful.call(careful.find("sklearn.tree._tree", "Tree"), (1, np.array([1]), 1))
    assert type(tree) is Tree
    with pytest.raises(Refused, match="gives it no state"):
        careful.finish()


@pytest.mark.parametrize("state", ["x", [("coef_", 1)], (None, {"coef_": 1}), (1, 2, 3), {1: 2}, {"": 1}])
def test_a_state_is_a_dict_of_attributes(state: Any) -> None:
    careful = Builder(())
    made = careful.new(careful.find("sklearn.linear_model._base", "LinearRegression"), ())
    with pytest.raises(Refused):
        careful.fill(made, state)


def test_the_version_of_scikit_learn_is_noted() -> None:
    noting = Builder(())
    for state in ({"_sklearn_version": "1.2.3"}, {}):
        made = noting.new(noting.find("sklearn.linear_model._base", "LinearRegression"), ())
        noting.fill(made, state)
        assert "_sklearn_version" not in vars(made)
    assert noting.versions == {"1.2.3", "pre-0.18"}


@pytest.mark.parametrize("name", ["coef_", "n_features_in_", "_private", "alpha"])
def test_an_instance_may_hold_what_its_class_does_not_define(name: str) -> None:
    assert may_hold(LinearRegression, name)


@pytest.mark.parametrize(
    "name", ["fit", "predict", "_parameter_constraints", "__init__", "_doc_link_module", "1a", "mro"]
)
def test_an_instance_may_not_hold_what_its_class_defines(name: str) -> None:
    assert not may_hold(LinearRegression, name)


def test_a_parameter_that_a_class_fixes_may_be_held() -> None:
    assert may_hold(LassoLars, "positive")


def test_an_empty_list_of_the_class_waits_for_the_instance_and_nothing_else_does() -> None:
    class Fitted:
        found: ClassVar[list[str]] = []
        _hidden: ClassVar[list[str]] = []
        full: ClassVar[list[str]] = ["a"]
        limits: ClassVar[dict[str, Any]] = {"a": print}

    assert may_hold(Fitted, "found")
    assert not any(may_hold(Fitted, name) for name in ("_hidden", "full", "limits"))


def test_stand_ins_take_everything_and_keep_nothing() -> None:
    standing = Builder(())
    scorer = standing.find("sklearn.metrics._scorer", "_Scorer")
    assert isinstance(standing.call(scorer, (1, 2)), Inert)
    assert isinstance(standing.new(scorer, (1, 2)), Inert)
    standing.fill(scorer, {"_score_func": print})
    assert not hasattr(scorer, "_score_func")
    assert allowlist.full_names({"a.b": "c d"}) == {"a.b.c", "a.b.d"}


@pytest.mark.parametrize(
    "version",
    [
        "1.2.; rm -rf old",
        "1.2.2 --index-url x",
        "1.2.2\n",
        "1.2.\x1b[31m",
        "1.٢.2",
        "../1.2.2",
        "1.2." + "2" * 100_000,
        "1.2.2+" + "x" * 41,
        "",
    ],
)
def test_a_version_that_is_none_reaches_no_message_and_no_command(version: str) -> None:
    builder = Builder(())
    made = builder.new(builder.find("sklearn.linear_model._base", "LinearRegression"), ())
    with pytest.raises(Refused, match="which is no version") as refused:
        builder.fill(made, {"_sklearn_version": version})
    assert len(str(refused.value)) < 300
    assert builder.versions == set()


@pytest.mark.parametrize(
    "version", ["1.0", "1.0rc1", "0.24.2", "1.4.1.post1", "1.3.dev0", "1.2.0rc1", "1.3.dev0+git2023.ab"]
)
def test_every_version_that_scikit_learn_has_is_one(version: str) -> None:
    builder = Builder(())
    made = builder.new(builder.find("sklearn.linear_model._base", "LinearRegression"), ())
    builder.fill(made, {"_sklearn_version": version})
    assert builder.versions == {version}
