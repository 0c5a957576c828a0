"""Turns fitted estimators into graphs, one family per file. Knows nothing of files, rows or parity."""

import importlib

FAMILIES = (
    "bayes",
    "boosting",
    "calibration",
    "compose",
    "dummies",
    "encoders",
    "ensembles",
    "functions",
    "imputing",
    "kernels",
    "linear",
    "multi",
    "near",
    "network",
    "numeric",
    "preprocessing",
    "projection",
    "text",
    "trees",
    "wrappers",
)


def load() -> None:
    """Imports every family, which fills the registry."""
    for family in FAMILIES:
        importlib.import_module(f"{__name__}.{family}")
