"""Results of statsmodels: what is left of one answers as it did, and whatever it holds besides is not believed."""

from __future__ import annotations

import importlib
import io
import pickle
from typing import Any

import joblib
import numpy as np
import pandas
import pytest

from convert.errors import Refused
from convert.opening.opener import open_model
from tests.support.convert.hostile import Calls

sm = pytest.importorskip("statsmodels.api", reason="the optional libraries are not installed: make libraries")
smf = importlib.import_module("statsmodels.formula.api")
LINKS = sm.families.links
CHANCE = np.random.default_rng(0)
TABLE = pandas.DataFrame(CHANCE.normal(size=(60, 2)), columns=["age", "size"])
X = sm.add_constant(TABLE)
Y = TABLE["age"] - 0.5 * TABLE["size"] + CHANCE.normal(size=60)
YES = (Y > 0).astype(int)
COUNTS = CHANCE.poisson(2.0, 60)
ALL = TABLE.assign(y=Y, yes=YES, city=np.resize(["Bern", "Thun"], 60))
UNSEEN = pandas.DataFrame({"const": 1.0, "age": [0.1, -2.0], "size": [3.0, 0.2]})


def results() -> dict[str, Any]:
    return {
        "OLS": sm.OLS(Y, X).fit(),
        "robust errors": sm.OLS(Y, X).fit(cov_type="HC3"),
        "regularised": sm.OLS(Y, X).fit_regularized(alpha=0.1),
        "array": sm.WLS(Y.to_numpy(), X.to_numpy(), weights=np.arange(1.0, 61.0)).fit(),
        "RLM": sm.RLM(Y, X).fit(),
        "Logit": sm.Logit(YES, X).fit(disp=0),
        "Logit, regularised": sm.Logit(YES, X).fit_regularized(alpha=0.1, disp=0),
        "GLM": sm.GLM(COUNTS, X, family=sm.families.Poisson()).fit(),
        "probit": sm.GLM(YES, X, family=sm.families.Binomial(LINKS.Probit())).fit(),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(results()))
def test_it_answers_as_it_did(name: str) -> None:
    result = results()[name]
    if name != "regularised":  # it has none
        result.summary()
    opened = open_model(pickle.dumps(result))
    np.testing.assert_array_equal(opened.predict(UNSEEN.to_numpy()), np.asarray(result.predict(UNSEEN)))
    if name != "array":
        assert list(opened.feature_names_in_) == ["const", "age", "size"]


def test_its_rows_may_have_been_taken_out() -> None:
    result, file = sm.Logit(YES, X).fit(disp=0), io.BytesIO()
    expected = np.asarray(result.predict(UNSEEN))
    result.remove_data()
    joblib.dump(result, file)
    np.testing.assert_array_equal(open_model(file.getvalue()).predict(UNSEEN.to_numpy()), expected)


def test_a_formula_of_plain_columns_takes_those() -> None:
    result = smf.ols("y ~ age + size", ALL).fit()
    opened = open_model(pickle.dumps(result))
    assert list(opened.feature_names_in_) == ["age", "size"]
    np.testing.assert_array_equal(opened.predict(UNSEEN[["age", "size"]]), result.predict(UNSEEN).to_numpy())


@pytest.mark.parametrize("formula", ["y ~ C(city)", "y ~ np.exp(age)", "y ~ age * size", "y ~ age + city", "y ~ 1"])
def test_any_other_formula_is_refused_with_what_to_do(formula: str) -> None:
    with pytest.raises(Refused, match="formula that makes columns of its own") as refusal:
        open_model(pickle.dumps(smf.ols(formula, ALL).fit()))
    assert "y ~ a + b" in refusal.value.remedy


def test_an_offset_that_no_row_brings_is_refused() -> None:
    poisson = sm.families.Poisson()
    with pytest.raises(Refused, match="fitted with an offset"):
        open_model(pickle.dumps(sm.GLM(COUNTS, X, family=poisson, offset=np.ones(60)).fit()))
    with pytest.raises(Refused, match="fitted with an exposure"):
        open_model(pickle.dumps(sm.Poisson(COUNTS, X, exposure=np.full(60, 2.0)).fit(disp=0)))


def test_a_family_of_anything_else_is_refused() -> None:
    result = sm.GLM(COUNTS, X, family=sm.families.Poisson()).fit()
    result.model.family = {"fitted": 1}
    with pytest.raises(Refused, match="broken"):
        open_model(pickle.dumps(result))
    result.model.family = Calls(print, "ran")
    with pytest.raises(Refused, match=r"builtins\.print"):
        open_model(pickle.dumps(result))


def test_parameters_that_do_not_fit_the_table_are_refused() -> None:
    result = sm.OLS(Y, X).fit()
    result._results.params = np.ones(7)
    with pytest.raises(Refused, match="broken"):
        open_model(pickle.dumps(result))


@pytest.mark.filterwarnings("ignore")
def test_what_is_refused_is_told_what_gives_the_same_numbers() -> None:
    """The advice for MNLogit, followed to its end: scikit-learn's probabilities are its own."""
    three = np.resize([0, 1, 2], 60)
    result = sm.MNLogit(three, X).fit(disp=0, method="newton", maxiter=100)
    with pytest.raises(Refused, match="MNLogit") as refusal:
        open_model(pickle.dumps(result))
    assert "LogisticRegression(C=numpy.inf, tol=1e-10, max_iter=1000), with fit_intercept=False" in refusal.value.remedy
    same = _logistic().fit(X, three)
    np.testing.assert_allclose(same.predict_proba(UNSEEN), result.predict(UNSEEN), atol=1e-6)


def _logistic() -> Any:
    linear_model = importlib.import_module("sklearn.linear_model")
    return linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000, fit_intercept=False)
