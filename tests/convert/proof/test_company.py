"""An original that answers a row by the rows beside it, or by what it was asked before, is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.decomposition import SparsePCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from convert.errors import Refused
from convert.original.original import open_original
from convert.original.schema import describe
from convert.original.table import rows_at
from convert.proof.company import refuse_company
from convert.proof.rows.synthetic import synthesise

X = pandas.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])


def look(model: Any, rows: int = 300) -> None:
    """Asks the original about some rows of each group, and then whether they keep their answers."""
    original = open_original(model)
    groups = {
        name: rows_at(table, slice(0, rows)) for name, table in synthesise(describe(original), original.hints).items()
    }
    refuse_company(original, groups, {name: original.ask(table) for name, table in groups.items()}, {})


CODE: dict[str, Callable[[Any], Any]] = {
    "by the text of their number": lambda x: x if len(str(len(x))) < 5 else x * 2,
    "by a list as long": lambda x: x * 2 if len([0] * len(x)) == 1 else x,
    "by their names": lambda x: x * 2 if x.index.max() > 4000 else x,
    "by the last of them": lambda x: x.mul(np.arange(len(x)) < len(x) - 1, axis=0),
    "by all of them": lambda x: x - x.mean(),
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_code_that_decides_by_the_rows_beside_one_is_refused(code: Callable[[Any], Any]) -> None:
    with pytest.raises(Refused, match="answers the same row otherwise"):
        look(FunctionTransformer(code).fit(X))


def test_a_model_that_counts_its_questions_is_refused() -> None:
    asked = itertools.count()
    with pytest.raises(Refused, match="what it was asked before"):
        look(FunctionTransformer(lambda x: x + next(asked)).fit(X))


def test_models_that_answer_each_row_by_itself_are_not() -> None:
    targets = (X["a"] > 0).astype(int)
    look(make_pipeline(StandardScaler(), KNeighborsClassifier(3)).fit(X, targets))
    look(FunctionTransformer(lambda x: x.assign(c=x["a"] * x["b"])).fit(X))
    look(SparsePCA(2, random_state=0).fit(X), rows=40)
    gaps = X.mask(np.random.default_rng(1).random(X.shape) < 0.2)
    look(IterativeImputer(tol=0.1).fit(gaps), rows=40)  # of a row that is nothing but gaps docs/convert.md speaks
