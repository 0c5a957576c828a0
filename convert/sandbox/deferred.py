"""Owns a module that is imported once something of it is used. Knows nothing of who asks for it."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def deferred(module: str) -> Iterator[None]:
    """Whoever imports ``module`` within the block, or names from it, gets stand-ins that import it when they are used.

    After the block an import gets the module itself. A stand-in is no class to inherit from (TypeError), and has no
    modules below it (ModuleNotFoundError).
    """
    if module in sys.modules:
        yield
        return
    stand_in = _Module(module)
    sys.modules[module] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(module) is stand_in:
            del sys.modules[module]


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # that of a package, `__path__`, is looked for by each import of a name
            raise AttributeError(name)
        return _Name(self, name)


class _Name:
    """What stands for a function or an object of the module."""

    def __init__(self, module: _Module, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return getattr(_imported(self._module), self._name)(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(_imported(self._module), self._name), name)


def _imported(stand_in: _Module) -> ModuleType:
    name = stand_in.__name__
    if sys.modules.get(name) is stand_in:
        del sys.modules[name]
    return importlib.import_module(name)
