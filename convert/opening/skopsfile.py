"""Owns the opening of skops files, where skops is installed. Knows nothing of pickles."""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Collection
from typing import Any

import sklearn

from convert.errors import Refused


def open_skops(data: bytes, allowed: Collection[str]) -> Any:
    """The object in a skops file. Raises Refused, which lists every name that is not allowed."""
    try:
        io = importlib.import_module("skops.io")  # optional, so no plain import
    except ImportError as error:
        raise Refused("this is a skops file, and skops is not installed", "pip install skops") from error
    try:
        asked = io.get_untrusted_types(data=data)
        refused = sorted(set(asked) - set(allowed))
        if refused:
            raise Refused(
                f"the file asks for {', '.join(refused)}, which a model does not need",
                "if you made this file yourself, allow it: " + " ".join(f"--trust {name}" for name in refused),
            )
        return io.loads(data, trusted=asked)
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise Refused(f"the skops file does not open with scikit-learn {sklearn.__version__}: {error!r}") from error
