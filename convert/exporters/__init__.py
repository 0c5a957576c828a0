"""Turns fitted estimators into graphs, one family per file. Knows nothing of files, rows or parity."""

import importlib

FAMILIES = ("compose", "encoders", "functions", "linear", "preprocessing", "trees")


def load() -> None:
    """Imports every family, which fills the registry."""
    for family in FAMILIES:
        importlib.import_module(f"{__name__}.{family}")
