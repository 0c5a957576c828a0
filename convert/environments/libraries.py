"""Owns which release of a library round scikit-learn goes with each scikit-learn. Data, and look-ups; asks nobody.

A file tells of a booster which release wrote it, of the other libraries nothing: those go by their scikit-learn. Each
comes with all that it needs besides what every environment has, so that nothing else is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_STATISTICS = ("statsmodels==0.14.5", "patsy==1.0.1", "packaging==24.2")
_COMPAT = "sklearn-compat==0.1.3"

# by module, then by the two first numbers of scikit-learn
_BESIDE: dict[str, dict[str, tuple[str, ...]]] = {
    "imblearn": {
        "1.0": ("imbalanced-learn==0.8.1",),
        "1.1": ("imbalanced-learn==0.9.1",),
        "1.2": ("imbalanced-learn==0.10.1",),
        "1.3": ("imbalanced-learn==0.11.0",),
        "1.4": ("imbalanced-learn==0.12.4",),
        "1.5": ("imbalanced-learn==0.12.4",),
        "1.6": ("imbalanced-learn==0.13.0", _COMPAT),
        "1.7": ("imbalanced-learn==0.14.0", _COMPAT),
        "1.8": ("imbalanced-learn==0.14.1", "sklearn-compat==0.1.6"),
    },
    "category_encoders": {
        **dict.fromkeys(("1.0", "1.1", "1.2", "1.3", "1.4"), ("category_encoders==2.6.3", *_STATISTICS)),
        "1.5": ("category_encoders==2.6.4", *_STATISTICS),
        **dict.fromkeys(("1.6", "1.7"), ("category_encoders==2.8.1", *_STATISTICS)),
        "1.8": ("category_encoders==2.9.0", *_STATISTICS),
    },
    "feature_engine": {
        **dict.fromkeys(("1.0", "1.1", "1.2", "1.3", "1.4"), ("feature-engine==1.6.2", *_STATISTICS)),
        "1.5": ("feature-engine==1.8.2", *_STATISTICS),
        "1.6": ("feature-engine==1.8.3", *_STATISTICS),
        **dict.fromkeys(("1.7", "1.8"), ("feature-engine==1.9.3", *_STATISTICS)),
    },
    "lightgbm": {
        **dict.fromkeys(("1.0", "1.1", "1.2", "1.3", "1.4", "1.5"), ("lightgbm==4.5.0",)),
        **dict.fromkeys(("1.6", "1.7", "1.8"), ("lightgbm==4.6.0",)),
    },
}
# by module, then by what a file tells of the release that wrote it: the package, and a scikit-learn that goes with it
_WRITTEN_BY: dict[str, dict[str, tuple[str, str]]] = {
    "lightgbm": {"3": ("lightgbm==3.3.5", "1.2.2"), "4": ("", "1.5.2")},
    "xgboost": {
        "1.7": ("xgboost==1.7.6", "1.2.2"),
        "2.0": ("xgboost==2.0.3", "1.3.2"),
        "2.1": ("xgboost==2.1.4", "1.5.2"),
        "3.0": ("xgboost==3.0.5", "1.7.2"),
        "3.1": ("xgboost==3.1.3", "1.7.2"),
        "3.2": ("xgboost==3.2.0", "1.8.0"),
    },
}
_TOLD = re.compile(r"\d{1,3}(\.\d{1,3})?", re.ASCII)
MODULES = frozenset((*_BESIDE, *_WRITTEN_BY))  # whose release an environment is made with

Libraries = Mapping[str, str]
"""The modules of libraries that a file names, each with the release that wrote it, as ``1.7.6``; empty if not told."""


def packages_of(module: str, told: str, minor: str) -> tuple[str, ...]:
    """What scikit-learn ``minor`` gets a library by, as ``name==version``; nothing where no way is known."""
    written = _written_by(module, told)
    if written and written[0]:
        return (written[0],)
    if told and not written:
        return ()
    return _BESIDE.get(module, {}).get(minor, ())


def scikit_learn_beside(libraries: Libraries) -> str:
    """A scikit-learn that goes with the releases of boosters; empty where none is known."""
    known = [written[1] for module, told in libraries.items() if (written := _written_by(module, told))]
    return min(known, default="")  # the earliest of 1.2.2 to 1.8.0, which texts compare as numbers do


def _written_by(module: str, told: str) -> tuple[str, str] | None:
    found = _TOLD.match(told)
    releases = _WRITTEN_BY.get(module, {})
    return releases.get(found[0]) or releases.get(found[0].partition(".")[0]) if found else None
