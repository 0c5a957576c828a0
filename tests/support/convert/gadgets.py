"""Owns hostile pickles made of every allowlisted name, and a child process that opens them under watch.

``python -m tests.support.convert.gadgets FIRST STEP`` opens each STEPth from FIRST on, and asks what opened for
answers. It prints what ran that should not have, one line each, and last how many pickles were opened and refused.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np
import pandas
from sklearn.utils.validation import _get_feature_names

from convert.errors import Refused
from convert.opening.making.makers import MAKERS
from convert.opening.names import kinds
from convert.opening.opener import OpenPolicy, open_model
from tests.support.convert.hostile import (
    CHECK_ARRAY,
    attributes,
    built,
    called,
    items,
    made,
    mapping,
    named,
    program,
    runs_code,
    value,
)

NAMES = sorted({*kinds.KINDS, *kinds.FUNCTIONS, *kinds.TYPES, *kinds.INERT, *MAKERS})
FOREIGN = (
    "sklearn",
    "scipy",
    "joblib",
    "category_encoders",
    "feature_engine",
    "imblearn",
    "lightgbm",
    "xgboost",
    "catboost",
    "functools",
    "operator",
)
EVENTS = ("exec", "compile", "open", "import", "os.", "subprocess.", "ctypes.", "socket.", "shutil.", "pickle.")
ARGUMENTS = (
    value("open('ran', 'w')"), value(b"import os"), value(1), value(-(2**40)), value([1, "x"]), value({"a": 1}),
    value(()), value(None), named(CHECK_ARRAY), named("numpy.log1p"), named("builtins.dict"), named("builtins.object"),
    named("numpy.ndarray"), made("sklearn.utils._bunch.Bunch"),
)  # fmt: skip
STEP = "sklearn.preprocessing._function_transformer.FunctionTransformer"
PIPELINE = "sklearn.pipeline.Pipeline"
SHADOWED = (
    "predict", "transform", "fit", "decision_function", "_more_tags", "get_params", "_validate_data",
    "__sklearn_tags__", "__class__", "__dict__", "__init__", "__getattr__", "__reduce__", "__del__", "__array__",
    "__array_ufunc__",
)  # fmt: skip


def _operations(full: str) -> Iterator[bytes]:
    """Every opcode that could call, make or change something, on one name and on an instance of it."""
    name, instance = named(full), made(full)
    module, _, last = full.rpartition(".")
    inst = pickle.INST + f"{module}\n{last}\n".encode()
    for count in (0, 1, 2, 3, 4):
        for at in range(0, len(ARGUMENTS), 5 if count else len(ARGUMENTS)):
            given = [ARGUMENTS[(at + number) % len(ARGUMENTS)] for number in range(count)]
            yield called(name, *given)
            yield pickle.MARK + name + b"".join(given) + pickle.OBJ
            yield pickle.MARK + b"".join(given) + inst
            yield made(full, *given)
            yield name + items(*given) + mapping(fget=named(CHECK_ARRAY), out=value(1)) + pickle.NEWOBJ_EX
            yield called(instance, *given)
    for target in (name, instance):
        for key in SHADOWED:
            yield built(target, mapping(**{key: named("numpy.log1p")}))
        yield built(target, attributes(x=named(CHECK_ARRAY), __mul__=named("builtins.dict")))
        yield from (built(target, argument) for argument in ARGUMENTS)
        yield target + named(CHECK_ARRAY) + pickle.APPEND
        yield target + pickle.MARK + named(CHECK_ARRAY) + value(1) + pickle.APPENDS
        yield target + value("x") + named(CHECK_ARRAY) + pickle.SETITEM
        yield target + pickle.MARK + value("x") + named(CHECK_ARRAY) + pickle.SETITEMS
        yield target + pickle.MARK + named(CHECK_ARRAY) + pickle.ADDITEMS


def _later(full: str) -> Iterator[bytes]:
    """A name, and an instance of it, where scikit-learn may call it when it is asked."""
    settings = {"validate": value(False), "accept_sparse": value(True), "n_features_in_": value(2)}
    settings |= {"kw_args": value(None), "inv_kw_args": value(None), "check_inverse": value(False)}
    for target in (named(full), made(full), called(named("functools.partial"), named(full))):
        yield built(made(STEP), mapping(**(settings | {"func": target, "inverse_func": target})))
        yield built(made(STEP), mapping(**(settings | {"func": named("numpy.log1p"), "kw_args": mapping(out=target)})))
        steps = pickle.EMPTY_LIST + items(value("a"), target) + pickle.APPEND
        yield built(made(PIPELINE), mapping(steps=steps, memory=target, verbose=value(False), n_features_in_=value(2)))
        voted = pickle.EMPTY_LIST + target + pickle.APPEND
        yield built(
            made("sklearn.ensemble._stacking.StackingRegressor"),
            mapping(
                estimators_=voted, stack_method_=value(["__getattribute__"]), final_estimator_=target,
                passthrough=value(False), n_features_in_=value(2), estimators=value([]),
            ),
        )  # fmt: skip
        yield built(made("sklearn.svm._classes.SVC"), mapping(kernel=target, _sparse=value(False)))
        yield built(made("sklearn.linear_model._base.LinearRegression"), mapping(coef_=target, intercept_=target))


def _tables() -> Iterator[bytes]:
    """What tables of pandas are made of, each part in turn of the attacker's choice."""
    block, manager = (
        named("pandas._libs.internals._unpickle_block"),
        named("pandas.core.internals.managers.BlockManager"),
    )
    single = "pandas.core.internals.managers.SingleBlockManager"
    for argument in ARGUMENTS:
        one = called(block, argument, argument, value(2))
        whole = called(manager, items(one), items(argument, argument))
        yield one
        yield whole
        for kind in ("pandas.core.frame.DataFrame", "pandas.core.series.Series"):
            held = built(made(single), items(items(argument), items(argument), items(argument), value({})))
            for state in (argument, whole, held):
                table = built(made(kind), mapping(_mgr=state, _typ=argument, attrs=argument, _metadata=argument))
                yield table
                mapped = pickle.EMPTY_LIST + mapping(col=value("a"), mapping=table) + pickle.APPEND
                yield built(made("sklearn.preprocessing._data.StandardScaler"), mapping(mapping=mapped))


def all_pickles() -> Iterator[tuple[str, bytes]]:
    """Every pickle, and of which name it is."""
    for full in NAMES:
        for pushed in (*_operations(full), *_later(full)):
            yield full, program(pushed)
    yield from (("pandas", program(pushed)) for pushed in _tables())


class Watch:
    """Notes code that runs while ``on``: by audit events, and by calls of functions of other packages."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        sys.addaudithook(self._hear)
        self._on = False

    def __enter__(self) -> Watch:
        self.seen, self._on = [], True
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self._on = False

    def _hear(self, event: str, arguments: Any) -> None:
        if self._on and event.startswith(EVENTS) and not (event == "import" and str(arguments[0]) in sys.modules):
            self.seen.append(f"{event} {str(arguments)[:80]}")

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.split(".")[0] in FOREIGN:
            self.seen.append(f"call {module}.{frame.f_code.co_qualname}")


def _open(pickled: bytes, watch: Watch) -> Any:
    with watch:
        return open_model(pickled, OpenPolicy(any_version=True))


def _ask(model: Any, watch: Watch) -> None:
    """What the proof would ask; code of scikit-learn's runs then, but no file is opened and nothing compiled."""
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    asked = [rows, pandas.DataFrame(rows, columns=["a", "b"]), ["some words", "others"], [{"a": 1.0, "b": "x"}]]
    for method in ("predict", "transform", "predict_proba", "decision_function"):
        for given in asked:
            with watch, contextlib.suppress(Exception):  # what is no model answers nothing
                getattr(model, method)(given)


def main(first: int, step: int) -> int:
    """Exit status 1 where anything ran."""
    warnings.simplefilter("ignore")
    for full in NAMES:
        try:
            importlib.import_module(full.rpartition(".")[0])
        except ImportError:
            continue
    _get_feature_names(np.zeros((1, 1)))  # narwhals looks for its plugins the first time it is asked
    watch = Watch()
    if not _control(watch):
        sys.stdout.write("the control was not seen\n")
        return 1
    counts, bad = {"opened": 0, "refused": 0}, 0
    for number, (full, pickled) in enumerate(all_pickles()):
        if number % step != first:
            continue
        try:
            model = _open(pickled, watch)
            counts["opened"] += 1
        except Refused:
            model = None
            counts["refused"] += 1
        ran = [
            line for line in watch.seen if not line.endswith("Booster.__del__")
        ]  # of an empty one, which does nothing
        if model is not None:
            _ask(model, watch)
            ran += [line for line in watch.seen if not line.startswith("call ")]
        bad += bool(ran)
        if ran:
            sys.stdout.write(f"{number} {full} {ran[:3]} {pickled[:200]!r}\n")
    sys.stdout.write(f"{counts}\n")
    return 1 if bad else 0


def _control(watch: Watch) -> bool:
    """Python's own unpickler runs code from these names, and the watch sees it."""
    with watch, contextlib.suppress(TypeError):  # by then it has run
        pickle.loads(runs_code("open('/dev/null').close()"))  # noqa: S301
    return any(line.startswith("open") for line in watch.seen)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
