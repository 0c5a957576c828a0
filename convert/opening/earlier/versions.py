"""Owns which versions a file is of, and whether this environment may answer for it. Knows nothing of environments."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import sklearn

from convert.errors import OtherVersion, Refused
from convert.opening.earlier.attributes import TODAY, minor_of

if TYPE_CHECKING:
    from convert.opening.builder import Builder
    from convert.witness.client import Witness  # it stands above: it is handed in

LIBRARIES = frozenset(("category_encoders", "catboost", "feature_engine", "imblearn", "lightgbm", "xgboost"))
BOOSTERS = {"lightgbm": "LightGBM", "xgboost": "XGBoost"}  # they tell which release wrote them


def refuse_versions(builder: Builder, witness: Witness | None, is_skops: bool) -> None:
    """A file is of one scikit-learn, today's or that of the ``witness``, and of boosters that read it as they wrote it.

    Raises OtherVersion where others have to answer for it, Refused where nobody can.
    """
    right = TODAY if witness is None else minor_of(witness.version)
    versions = builder.versions
    wrong = sorted((text for text in versions if minor_of(text) != right), key=lambda text: minor_of(text) or (0, 0))
    if not wrong:
        if witness is None:
            _refuse_boosters(builder, is_skops)
        return
    newest = wrong[-1]
    here = sklearn.__version__ if witness is None else witness.version
    reason = (
        f"the model was pickled with scikit-learn {newest}; {here}, the one here, may predict otherwise from the same"
        " file"
    )
    remedy = (
        f"install scikit-learn {newest} here, or fit and pickle the model again with {sklearn.__version__};"
        " --allow-version-mismatch converts what this version makes of the file"
    )
    if witness is not None or is_skops or len({minor_of(text) for text in versions}) > 1 or minor_of(newest) is None:
        raise Refused(reason, remedy)
    raise OtherVersion(reason, remedy, newest, _libraries(builder))


def _refuse_boosters(builder: Builder, is_skops: bool) -> None:
    """A booster of another first number may read the same file otherwise."""
    for module, told in sorted(builder.boosters):
        here = str(importlib.import_module(module).__version__)
        if not told or _first(told) == _first(here):
            continue
        name = BOOSTERS[module]
        written = told if "." in told else f"{told}.x"
        reason = (
            f"the model was pickled with {name} {written}; {here}, the one here, may predict otherwise from the same"
            " file"
        )
        remedy = (
            f"fit and pickle the model again with {name} {here};"
            " --allow-version-mismatch converts what this version makes of the file"
        )
        if is_skops or builder.versions or len({told for each, told in builder.boosters if each == module}) > 1:
            raise Refused(reason, remedy)
        raise OtherVersion(reason, remedy, "", _libraries(builder))


def _libraries(builder: Builder) -> dict[str, str]:
    """The libraries that the file names, with the releases of those that tell theirs."""
    named = {module.partition(".")[0] for module, _ in builder.asked} & LIBRARIES
    return {**dict.fromkeys(sorted(named), ""), **dict(sorted(builder.boosters))}


def _first(version: str) -> str:
    return version.partition(".")[0]
