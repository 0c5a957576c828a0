"""Owns what a hostile pickle is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Calls:
    """Pickles to a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call
