"""Owns what scikit-learn's own tests and docstrings fit: each model with its rows, as dumps. Knows no converting.

A plugin of pytest, which writes into the folder that DYNONNX_DUMPS names:
``DYNONNX_DUMPS=dumps python -m pytest -p tests.campaigns.outside.keeping --doctest-modules --pyargs sklearn.svm``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sklearn.base

from tests.campaigns.outside.dumps import DATA, MODEL

OF_A_TEST, OF_A_CLASS = 2, 25  # so many models, that no test or estimator outweighs the others
ROWS = range(3, 3001)
LARGEST = 2_000_000  # bytes of a model, or of its rows
ANSWERS = ("predict", "transform")
Fit = Callable[..., Any]


class Keeper:
    """Keeps what is fitted while a test runs, but what is fitted inside of another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.test = ""
        self._depth = 0
        self._kept: Counter[tuple[str, ...]] = Counter()

    def watching(self, context: Callable[..., Callable[[Fit], Fit]]) -> Callable[..., Callable[[Fit], Fit]]:
        """scikit-learn's decorator of every ``fit``, which now also tells of what was fitted."""

        def decorator(**settings: Any) -> Callable[[Fit], Fit]:
            decorate = context(**settings)
            return lambda fit: self._watched(decorate(fit))

        return decorator

    def _watched(self, fit: Fit) -> Fit:
        @functools.wraps(fit)
        def watched(estimator: Any, rows: Any = None, *rest: Any, **named: Any) -> Any:
            self._depth += 1
            try:
                done = fit(estimator, rows, *rest, **named)
            finally:
                self._depth -= 1
            if not self._depth and fit.__name__.startswith("fit"):
                self.keep(estimator, rows)
            return done

        return watched

    def keep(self, model: Any, rows: Any) -> None:
        """Writes both, if they are of a size that is worth judging and nothing the like is there."""
        count = rows.shape[0] if getattr(rows, "shape", ()) else len(rows) if hasattr(rows, "__len__") else 0
        kind = type(model).__name__
        test, each = ("test", re.sub(r"\[.*", "", self.test), kind), ("class", kind)
        full = self._kept[test] >= OF_A_TEST or self._kept[each] >= OF_A_CLASS
        if full or count not in ROWS or not any(hasattr(type(model), name) for name in ANSWERS):
            return
        try:
            pickled, data = pickle.dumps(model), pickle.dumps(rows)
        except (pickle.PicklingError, TypeError, AttributeError):  # of functions in tests, locks, generators
            return
        digest = hashlib.sha256(pickled).hexdigest()[:10]
        if self._kept["digest", digest] or max(len(pickled), len(data)) > LARGEST:
            return
        self._kept.update([test, each, ("digest", digest)])
        name = f"{kind}.{re.sub(r'[^A-Za-z0-9_]+', '-', self.test.rpartition('::')[2])[:60]}.{digest}"
        (self.folder / f"{name}{MODEL}").write_bytes(pickled)
        (self.folder / f"{name}{DATA}").write_bytes(data)


def pytest_configure(config: pytest.Config) -> None:
    """Before any estimator is imported, so that the ``fit`` of each is watched."""
    folder = Path(os.environ["DYNONNX_DUMPS"])
    folder.mkdir(parents=True, exist_ok=True)
    keeper = Keeper(folder)
    setattr(sklearn.base, "_fit_context", keeper.watching(sklearn.base._fit_context))  # noqa: B010
    config.pluginmanager.register(_Naming(keeper))


class _Naming:
    """Tells the keeper which test runs."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._keeper.test = item.nodeid
