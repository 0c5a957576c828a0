"""Imports scikit-learn with stand-ins for what it takes from scipy.stats, which costs half as much as scikit-learn.

Some of its modules take a function or a distribution from there, which hardly a model calls; what does imports it then.
docs/decisions.md: "scipy.stats waits until a model calls it".
"""

from __future__ import annotations

import contextlib
import importlib

from convert.sandbox.deferred import deferred

TAKES_FROM = "scipy.stats"
# What takes nothing, but is imported by these, needs no name here.
MODULES = (
    "sklearn.isotonic",
    "sklearn.covariance",
    "sklearn.ensemble",
    "sklearn.feature_selection",
    "sklearn.model_selection",
    "sklearn.experimental.enable_iterative_imputer",
    "sklearn.impute",
)

# Another scikit-learn may ask for more than a stand-in is: whatever is not imported here is imported as ever.
with deferred(TAKES_FROM), contextlib.suppress(Exception):
    for module in MODULES:
        importlib.import_module(module)
