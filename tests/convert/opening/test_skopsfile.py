"""skops files: read as skops reads them, without skops, and held to the same rules as pickles."""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import ensemble, feature_extraction, linear_model, model_selection, neighbors, pipeline, preprocessing, svm

from convert.errors import Refused
from convert.opening import opener
from convert.opening.builder import Builder
from convert.opening.skopsfile import _Reader

skops = pytest.importorskip("skops.io", reason="an optional extra, which writes the files")

ROWS = np.random.default_rng(0).normal(size=(60, 3))
CLASSES = np.arange(60) % 3


def numbers() -> list[Any]:
    """Fitted models whose parts are of many kinds."""
    steps = pipeline.make_pipeline(preprocessing.FunctionTransformer(np.arcsinh), preprocessing.SplineTransformer())
    searched = model_selection.GridSearchCV(svm.SVC(), {"C": [1, 2]}, cv=2)
    return [
        ensemble.RandomForestClassifier(3, random_state=np.random.RandomState(0)).fit(ROWS, CLASSES),
        ensemble.GradientBoostingClassifier(n_estimators=2).fit(ROWS, CLASSES),
        ensemble.HistGradientBoostingRegressor(max_iter=2, categorical_features=[0]).fit(ROWS.round(), CLASSES),
        neighbors.KNeighborsClassifier(algorithm="kd_tree").fit(ROWS, CLASSES),
        linear_model.LogisticRegression().fit(ROWS, CLASSES).sparsify(),
        linear_model.SGDRegressor().fit(ROWS, CLASSES),
        searched.fit(ROWS, CLASSES),
        steps.fit(ROWS),
    ]


def changed(model: Any, change: Callable[[Any], Any]) -> bytes:
    """The model's skops file with another tree of nodes."""
    source, target = zipfile.ZipFile(io.BytesIO(skops.dumps(model))), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name == "schema.json":
                tree = json.loads(content)
                content = json.dumps(change(tree) or tree).encode()
            archive.writestr(name, content)
    return target.getvalue()


def node(full: str, loader: str, **more: Any) -> dict[str, Any]:
    module, _, name = full.rpartition(".")
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 1, "protocol": 2, **more}


def literal(value: Any) -> dict[str, Any]:
    return {**node("builtins.str", "JsonNode", content=json.dumps(value)), "__id__": -1}


def state(**values: Any) -> dict[str, Any]:
    keys = [node("builtins.str", "TypeNode") for _ in values]
    return {**node("builtins.dict", "DictNode", content=values), "__id__": 2, "key_types": {"content": keys}}


@pytest.mark.parametrize("model", numbers(), ids=lambda model: type(model).__name__)
def test_models_answer_as_from_a_pickle(model: Any) -> None:
    opened, pickled = opener.open_model(skops.dumps(model)), opener.open_model(pickle.dumps(model))
    method = "predict" if hasattr(model, "predict") else "transform"
    np.testing.assert_array_equal(getattr(opened, method)(ROWS), getattr(pickled, method)(ROWS))


def test_dicts_keep_the_types_of_their_keys() -> None:
    content = {7: "a", "b": 2.5, True: None, 0.5: (1, [2]), "w": {1, 2}, "r": slice(1, 2), "y": b"\x00"}
    assert opener.open_model(skops.dumps([content])) == [content]


def test_texts_open() -> None:
    model = feature_extraction.text.TfidfVectorizer().fit(["one two", "two three"])
    opened = opener.open_model(skops.dumps(model))
    np.testing.assert_array_equal(opened.transform(["two"]).toarray(), model.transform(["two"]).toarray())


@pytest.mark.parametrize(
    "tree",
    [
        node("builtins.eval", "FunctionNode"),
        node("os.system", "TypeNode"),
        node("builtins.exec", "ConstructorFromReduceNode", content=literal("1")),
        node("operator.methodcaller", "OperatorFuncNode", attrs=literal(["x"])),
        node("subprocess.Popen", "ObjectNode", content=None),
        node("sklearn.pipeline.Pipeline", "MethodNode", content={"func": "set_params", "obj": {}}),
        node("builtins.eval", "TreeNode", __reduce__={"args": literal(["1"])}, content=literal({})),
        node("builtins.eval", "LossNode"),
    ],
)
def test_other_names_are_refused(tree: Any) -> None:
    with pytest.raises(Refused, match="which a model does not need") as refusal:
        opener.open_model(changed([1], lambda _: tree))
    assert "--trust" in refusal.value.remedy


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        (node("numpy.log1p", "FunctionNode"), "by itself"),
        (node("numpy.log1p", "ConstructorFromReduceNode", content=literal([0.0])), "calls the function"),
        (node("builtins.dict", "ObjectNode", content=None), "makes a new object of"),
        (node("numpy.log1p", "ObjectNode", content=None), "makes a new object of"),
        (node("sklearn.pipeline.Pipeline", "ObjectNode", content=state(predict=literal(1))), "sets 'predict' on"),
        (node("sklearn.pipeline.Pipeline", "ObjectNode", content=state(__class__=literal(1))), "sets '__class__' on"),
        (node("lightgbm.basic.Booster", "ObjectNode", content=state(model_file=literal("/x"))), "is no text"),
        (node("collections.UserList", "ListNode", content=[]), "a sequence of its own"),
        (node("builtins.dict", "EvilNode"), "a node of the kind"),
        (
            node("builtins.dict", "DictNode", content={"a": literal(1)}, key_types={"content": []}),
            "keys that are no values",
        ),
    ],
)
def test_nodes_are_held_to_the_rules_of_pickles(tree: Any, why: str) -> None:
    if "lightgbm" in tree["__module__"]:
        pytest.importorskip("lightgbm", reason="an optional extra")
    with pytest.raises(Refused) as refusal:
        opener.open_model(changed([1], lambda _: tree), opener.OpenPolicy(any_version=True))
    assert why in refusal.value.reason


def test_a_tree_that_points_outside_is_refused() -> None:
    model = ensemble.RandomForestRegressor(1).fit(ROWS, CLASSES)

    def change(tree: Any) -> None:
        text = json.dumps(tree)
        assert text.count('"max_depth": {') >= 1
        nodes = json.loads(text)
        waiting = [nodes]
        while waiting:
            at = waiting.pop()
            if isinstance(at, dict) and at.get("__loader__") == "TreeNode":
                at["content"]["content"]["node_count"] = literal(1 << 28)
                tree.update(nodes)
                return
            waiting.extend(at.values() if isinstance(at, dict) else at if isinstance(at, list) else [])

    with pytest.raises(Refused, match="more nodes than it holds"):
        opener.open_model(changed(model, change))


def test_a_bomb_in_a_skops_file_stops_at_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(1 << 23))
    monkeypatch.setattr(opener, "UNPACKED_LIMIT_BYTES", 1 << 21)
    with pytest.raises(Refused, match="unpacks to more than"):
        opener.open_model(bomb.getvalue())


@pytest.mark.parametrize("loader", ["MaskedArrayNode", "RandomGeneratorNode", "RandomStateNode"])
def test_what_stands_for_a_random_generator_takes_no_name_from_the_file(loader: str) -> None:
    """The scorer of a threshold imports what its function is called, to read that function's signature."""
    scorer = state(_score_func=node("this.s", loader), _kwargs={**state(), "__id__": 3})
    opened = read(node("sklearn.metrics._scorer._CurveScorer", "ObjectNode", content=scorer))
    with pytest.raises(Refused, match="scorer"):
        opened._get_pos_label()
    assert "this" not in sys.modules


@pytest.mark.parametrize("made_by", ["sklearn.metrics._dist_metrics", "sklearn.neighbors._kd_tree"])
def test_a_search_tree_and_its_distance_take_allowlisted_names(made_by: str) -> None:
    stranger = node("evil._dist_metrics.KDTree", "RandomStateNode")
    arguments = {**node("builtins.tuple", "TupleNode", content=[stranger]), "__id__": 2}
    with pytest.raises(Refused, match=r"none of scikit-learn's"):
        read({**node(f"{made_by}.newObj", "ConstructorFromReduceNode", content=arguments), "__id__": 3})


def read(root: dict[str, Any]) -> Any:
    """What a node becomes before anything looks at the whole."""
    return _Reader(skops.dumps([]), Builder(()), 1 << 20)._node(root)
