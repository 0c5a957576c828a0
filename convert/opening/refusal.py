"""Owns the sentences that refuse a file for what it does, and for the names that it asks for. Knows no rules."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from convert.errors import Refused
from convert.opening.own_code import is_own, path_option

REWRITE = "the file is damaged or hostile: write the fitted model again with pickle or joblib"
# Their names are no models that somebody else's code computes; what they do is not recorded.
PLAIN_PACKAGES = sys.stdlib_module_names | {"joblib", "numpy", "pandas", "scipy", "sklearn"}
OF_STATSMODELS = (
    "the results of OLS, WLS, GLS, RLM, QuantReg, GLM, Logit, Probit and Poisson convert. In place of NegativeBinomial"
    " fit a GLM with that family; in place of MNLogit scikit-learn's LogisticRegression(C=numpy.inf, tol=1e-10,"
    " max_iter=1000), with fit_intercept=False where the table has a column of ones"
)
OF_MLXTEND = {  # what holds other models, which no recording sees through; scikit-learn has the same
    "EnsembleVoteClassifier": "VotingClassifier",
    "StackingClassifier": "StackingClassifier",
    "StackingCVClassifier": "StackingClassifier",
    "StackingRegressor": "StackingRegressor",
    "StackingCVRegressor": "StackingRegressor",
}


def hostile(reason: str) -> Refused:
    """A refusal of what no library writes into a model file."""
    return Refused(reason, REWRITE)


def shown(thing: Any) -> str:
    """A text of the file, cut short; of anything else its type alone, because its ``repr`` is code."""
    return repr(thing[:60]) if type(thing) is str else f"a {type(thing).__name__}"


def called(thing: Any) -> str:
    """What a thing is called, without asking the thing itself for more than its type."""
    if isinstance(thing, type):
        return f"the class {thing.__module__}.{thing.__qualname__}"
    kind = type(thing)
    name = getattr(thing, "__name__", "") if kind.__module__ in ("builtins", "numpy") and callable(thing) else ""
    if name:
        return f"the function {name}"
    return f"an instance of {kind.__module__}.{kind.__qualname__}"


def refuse_names(names: list[str], file: str) -> None:
    """Raises Refused where a file asks for names that the rules do not know; says what allows them."""
    if not names:
        return
    unique = sorted(set(names))
    asked = ", ".join(unique)
    tops = {name.partition(".")[0] for name in unique}
    _refuse_twins(unique, tops)
    if any(map(is_own, unique)):
        carried = any(name.startswith("cloudpickle.") for name in unique)
        what = (
            "carries the code of a function or class itself, as cloudpickle does for what stands in no module;"
            if carried
            else "holds functions or classes of your own:"
        )
        path = path_option(unique, Path(file).parent)
        raise Refused(
            f"the file {what} it asks for {asked}",
            f"if you trust whoever wrote that code: python -m convert {shlex.quote(file)} --trust-code{path}. It runs"
            " confined as all else, and what it does with numpy and pandas is recorded as the graph (docs/convert.md,"
            ' "Your own code"). Else a FunctionTransformer of a numpy function needs nothing, and --converters FILE.py'
            " teaches any class",
        )
    if tops.isdisjoint(PLAIN_PACKAGES):
        raise Refused(
            f"the file asks for {asked}, of a library that no exporter knows",
            f"if you trust that library: python -m convert {shlex.quote(file)} --trust-code --data ROWS.csv, with rows"
            " as the model was fitted on. It runs confined, and what it does with numpy and pandas is recorded as the"
            ' graph (docs/convert.md, "Your own code"); --converters FILE.py teaches any class',
        )
    raise Refused(
        f"the file asks for {asked}, which a model does not need",
        "if you made this file yourself and know that code, allow it: "
        + " ".join(f"--trust {shlex.quote(name)}" for name in unique)
        + ". A trusted name is run with whatever arguments the file gives it",
    )


def _refuse_twins(names: list[str], tops: set[str]) -> None:
    """Raises Refused for what scikit-learn has, too, whether or not its library is installed here."""
    if "statsmodels" in tops:
        asked = sorted(name for name in names if name.startswith("statsmodels."))
        raise Refused(f"it holds {asked[0]}, which no exporter knows", OF_STATSMODELS)
    held = sorted({name.rpartition(".")[2] for name in names if name.startswith("mlxtend.")} & OF_MLXTEND.keys())
    if held:
        raise Refused(
            f"it holds mlxtend's {held[0]}, which no exporter knows",
            f"fit the same models in scikit-learn's {OF_MLXTEND[held[0]]}",
        )
