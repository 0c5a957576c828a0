"""What stands where: objects that opened, and that scikit-learn would call, fetch by name or read by when asked."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from convert.errors import Refused
from convert.opening.opener import OpenPolicy, open_model
from tests.support.convert.hostile import CHECK_ARRAY, again, built, called, kept, made, mapping, named, program, value

STEP = "sklearn.preprocessing._function_transformer.FunctionTransformer"
LINEAR = "sklearn.linear_model._base.LinearRegression"
STACK = "sklearn.ensemble._stacking.StackingRegressor"
LOG = named("numpy.log1p")
KERNEL = made("sklearn.gaussian_process.kernels.RBF")
ARRAY = pickle.dumps(np.zeros(3), 3)[2:-1]


def opened(pushed: bytes) -> Any:
    return open_model(program(pushed), OpenPolicy(any_version=True))


def with_state(kind: str, **programs: bytes) -> bytes:
    return built(made(kind), mapping(**programs))


def one(pushed: bytes) -> bytes:
    return pickle.EMPTY_LIST + pushed + pickle.APPEND


def objects(pushed: bytes) -> bytes:
    """Pushes an array of objects that holds what is pushed."""
    array = called(named("numpy._core.multiarray._reconstruct"), named("numpy.ndarray"), value((0,)), value(b"b"))
    kind = called(named("numpy.dtype"), value("O8"), value(False), value(True))
    state = pickle.MARK + value(1) + value((1,)) + kind + value(False) + one(pushed) + pickle.TUPLE
    return array + state + pickle.BUILD


@pytest.mark.parametrize(
    "pushed",
    [
        LOG,
        named(LINEAR),
        named("numpy.dtype"),
        named("functools.partial"),
        named("sklearn.tree._tree.Tree"),
        named("joblib.numpy_pickle.NumpyArrayWrapper"),
        named("copyreg._reconstructor"),
        KERNEL,
        with_state(LINEAR, coef_=LOG),
        with_state(LINEAR, coef_=one(LOG)),
        with_state(LINEAR, coef_=objects(LOG)),
        with_state(LINEAR, coef_=objects(KERNEL)),
        with_state(LINEAR, intercept_=named("builtins.dict")),
        with_state(LINEAR, sqrt=called(named("functools.partial"), named(CHECK_ARRAY))),
        with_state(LINEAR, toarray=LOG),
        with_state("sklearn.feature_extraction.text.CountVectorizer", analyzer=LOG),
        with_state("sklearn.feature_extraction.text.CountVectorizer", tokenizer=KERNEL),
        with_state("sklearn.feature_extraction.text.TfidfVectorizer", preprocessor=named("builtins.str")),
        with_state("sklearn.neighbors._classification.KNeighborsClassifier", metric=LOG),
        with_state("sklearn.neighbors._classification.KNeighborsClassifier", weights=named("numpy.exp")),
        with_state(STEP, func=KERNEL),
        with_state(STEP, func=named("builtins.list")),
        with_state(STEP, feature_names_out=LOG),
        with_state("sklearn.pipeline.Pipeline", memory=LOG),
        with_state("sklearn.cluster._kmeans.KMeans", init=LOG),
        with_state("sklearn.cluster._bisect_k_means._BisectingTree", left=LOG),
        with_state("sklearn.utils._bunch.Bunch", predict=LOG) + value("x") + LOG + pickle.SETITEM,
        pickle.EMPTY_DICT + made(LINEAR) + value(1) + pickle.SETITEM,
        value([(), {}]) + LOG + pickle.APPEND,
    ],
)
def test_an_object_stands_only_where_a_model_has_one(pushed: bytes) -> None:
    with pytest.raises(Refused, match=r"the file holds|a key that is no value"):
        opened(pushed)


@pytest.mark.parametrize(
    ("kind", "attribute", "text"),
    [
        (STACK, "stack_method_", ["__getattribute__"]),
        (STACK, "stack_method_", "__init__"),
        ("sklearn.multioutput.ClassifierChain", "chain_method_", "fit"),
        ("sklearn.model_selection._classification_threshold.FixedThresholdClassifier", "response_method", "__reduce__"),
        ("sklearn.feature_selection._from_model.SelectFromModel", "importance_getter", "fit.__globals__"),
        ("sklearn.feature_selection._from_model.SelectFromModel", "importance_getter", "_private"),
        ("sklearn.feature_extraction.text.CountVectorizer", "input", "filename"),
        ("sklearn.feature_extraction.text.HashingVectorizer", "input", "file"),
        (STEP, "kw_args", {"out": [1]}),
        (STEP, "inv_kw_args", "x"),
    ],
)
def test_a_text_names_no_method_and_no_file(kind: str, attribute: str, text: Any) -> None:
    with pytest.raises(Refused, match=f"as its '{attribute}'"):
        opened(with_state(kind, **{attribute: value(text)}))


def test_a_functions_keywords_hold_no_array() -> None:
    with pytest.raises(Refused, match="as its 'kw_args'"):
        opened(with_state(STEP, func=LOG, kw_args=mapping(out=ARRAY)))


def test_what_models_have_opens() -> None:
    model = opened(with_state(STEP, func=LOG, kw_args=value(None)))
    assert model.func is np.log1p
    assert (
        opened(with_state("sklearn.gaussian_process._gpr.GaussianProcessRegressor", kernel=KERNEL)).kernel is not None
    )
    inside = opened(with_state("sklearn.pipeline.Pipeline", steps=one(value("a") + made(LINEAR) + pickle.TUPLE2)))
    assert type(inside.steps[0][1]).__name__ == "LinearRegression"


def test_what_holds_itself_is_looked_through_once() -> None:
    ring = kept(1000, pickle.EMPTY_LIST) + again(1000) + pickle.APPEND
    assert len(opened(ring)) == 1
    with pytest.raises(Refused, match="the function"):
        opened(kept(1000, pickle.EMPTY_LIST) + again(1000) + pickle.APPEND + LOG + pickle.APPEND)


def test_a_trusted_name_stands_anywhere_and_holds_anything() -> None:
    policy = OpenPolicy(("numpy.log1p", "tests.support.convert.hostile.Calls"), any_version=True)
    assert open_model(program(with_state(LINEAR, coef_=LOG)), policy).coef_ is np.log1p
    held = built(made("tests.support.convert.hostile.Calls"), mapping(call=named("numpy.exp"), predict=value(1)))
    assert open_model(program(with_state(LINEAR, coef_=held)), policy).coef_.call is np.exp
    assert open_model(program(called(LOG, value(0.0))), policy) == 0.0


def test_a_billion_laughs_are_walked_in_a_line() -> None:
    pushed = kept(1000, value([1]))
    for level in range(60):
        pushed += again(1000 + level) + pickle.TUPLE2 + pickle.LONG_BINPUT + (1001 + level).to_bytes(4, "little")
    assert len(opened(pushed)) == 2
