"""Owns what a file may do while it opens: the names it may use, what it may call, where it may write. Knows no formats.

Every opcode of a pickle and every node of a skops file comes to one of four doors: `find`, `call`, `new`, `fill`. What
a person trusted passes all of them; for the rest, only a reconstructor is called, a class is made empty, and a state is
written once, into an object that this file just made, as entries of its ``__dict__``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from sklearn.base import BaseEstimator

from convert.opening.earlier import attributes
from convert.opening.earlier.names import COMPUTED, MOVED
from convert.opening.inert import Absent, Inert
from convert.opening.making import natives
from convert.opening.making.boosters import WRITTEN_BY
from convert.opening.making.makers import MAKERS, Fill, Maker
from convert.opening.names.kinds import FILLS, FUNCTIONS, INERT, KINDS, MADE_KINDS, NEED_STATE, SUBSTITUTES, TYPES
from convert.opening.own_code import OwnCode, checked
from convert.opening.plain import SCALARS, is_scalar
from convert.opening.refusal import called, hostile, shown

FREE_WITH_CODE = frozenset(("builtins.getattr", "functools.partial"))


class Builder:
    """Builds one file.

    ``asked`` are the names that it uses, as it writes them, ``stand_ins`` those among them that do nothing, ``refused``
    those that it asked for in vain, ``versions`` those of the scikit-learns that wrote it, ``boosters`` the modules of
    the boosters in it, each with what it tells of the release that wrote it.
    """

    def __init__(self, trusted: Collection[str], code: OwnCode | None = None) -> None:
        self.refused: list[str] = []
        self.versions: set[str] = set()
        self.boosters: set[tuple[str, str]] = set()
        self.asked: set[tuple[str, str]] = set()
        self.stand_ins: set[tuple[str, str]] = set()
        self._written_by: dict[int, Any] = {}  # by id: the scikit-learn that wrote an estimator
        self._names = frozenset(trusted)
        self._code = code
        self._trusted: dict[int, Any] = {}  # by id; what a trusted name made is trusted
        self._kinds: dict[int, str] = {id(made): kind for made, kind in MADE_KINDS.items()}
        self._fills: dict[int, Fill] = {}  # by id of the class that may be made empty
        self._makers: dict[int, Maker] = {}
        self._unfilled: dict[int, tuple[Any, Fill]] = {}

    def find(self, module: str, name: str) -> Any:
        """What a name means; a stand-in where it is not allowed."""
        full = f"{module}.{name}"
        if full in self._names:
            return self._trust(_imported(module, name))
        if full in MOVED:
            full = MOVED[full]
            module, _, name = full.rpartition(".")
        inert = "." not in name and full in INERT
        if inert and not (self._code is not None and full.startswith("pandas.")):
            return Inert(full)
        known = "." not in name and full in KINDS.keys() | FUNCTIONS | TYPES | MAKERS.keys()
        less_than_needed = full in FREE_WITH_CODE or full.startswith("pandas.")  # by a person's code, of what we make
        if self._code is not None and (not known or less_than_needed):
            return self._trust(self._code.find(module, name))
        if not known:
            self.refused.append(full)
            return Absent(full)
        maker = Maker(full, *MAKERS[full]) if full in MAKERS else None
        if maker and full not in TYPES:
            return maker
        found = SUBSTITUTES.get(full) or _imported(module, name)
        if maker:
            self._makers[id(found)] = maker
        self._kinds[id(found)] = KINDS.get(full) or ("function" if full in FUNCTIONS else "type")
        if full in KINDS:
            self._fills[id(found)] = FILLS.get(full) or FILLS.get(KINDS[full]) or self._write
        return found

    def call(self, function: Any, arguments: Any) -> Any:
        """What REDUCE, OBJ and INST ask for: a reconstructor's value, or an empty instance."""
        if isinstance(function, Inert):
            return function
        if self.trusts(function):
            bound = function is getattr or function is functools.partial
            if bound and arguments and isinstance(arguments[0], Inert):
                return arguments[0]
            return self._trust(checked(function(*arguments)))
        maker = function if isinstance(function, Maker) else self._makers.get(id(function))
        if maker is not None and type(arguments) is tuple:
            made = maker.make(arguments)
            if isinstance(made, Absent):  # what it may not be asked for has no maker either
                self.refused.append(made.full)
            if maker.fill:
                self._unfilled[id(made)] = (made, maker.fill)
            return made
        if type(arguments) is tuple and not arguments and id(function) in self._fills:
            return self.new(function, ())
        raise hostile(f"the file calls {called(function)} while it opens, which no model needs")

    def new(self, kind: Any, arguments: Any, keywords: dict[str, Any] | None = None) -> Any:
        """What NEWOBJ and NEWOBJ_EX ask for: an instance of an allowlisted class, made empty."""
        if isinstance(kind, Inert):
            return kind
        if isinstance(kind, Maker) and not keywords:
            return self.call(kind, arguments)
        if self.trusts(kind):
            return self._trust(kind.__new__(kind, *arguments, **(keywords or {})))
        plain = type(arguments) is tuple and (keywords is None or type(keywords) is dict)
        if id(kind) not in self._fills or not plain or arguments or keywords:
            raise hostile(f"the file makes a new object of {called(kind)} while it opens, which no model needs")
        made = (dict if issubclass(kind, dict) else object).__new__(kind)
        self._unfilled[id(made)] = (made, self._fills[id(kind)])
        return made

    def fill(self, target: Any, state: Any) -> None:
        """What BUILD asks for: the state of an object that this file made, once."""
        if isinstance(target, Inert):
            return
        if self.trusts(target):
            self._note_version(target, state)
            _fill_freely(target, state)
            return
        _, fill = self._unfilled.pop(id(target), (None, None))
        if fill is None:
            raise hostile(f"the file sets a state on {called(target)}, which it did not just make")
        fill(target, state)
        if self.kind_of(target) == "booster":
            self.boosters.add((type(target).__module__.partition(".")[0], vars(target).pop(WRITTEN_BY)))

    def finish(self) -> None:
        """Refuses what still lacks the state without which it is foreign memory."""
        for made, _ in self._unfilled.values():
            if isinstance(made, natives.NEEDS_STATE) or self.kind_of(made) in NEED_STATE:
                raise hostile(f"the file makes {called(made)} and gives it no state")

    def complete(self, instances: Iterable[Any]) -> None:
        """Gives what an earlier scikit-learn wrote the attributes of today's. Before it the file is looked through."""
        earliest = min(self.versions, key=lambda text: attributes.minor_of(text) or (0, 0), default=None)
        for instance in instances:
            attributes.complete(instance, self._written_by.get(id(instance), earliest))

    def trusts(self, thing: Any) -> bool:
        """Whether a person allowed this, or what made it."""
        return id(thing) in self._trusted or id(type(thing)) in self._trusted

    def may_hold_anything(self, owner: Any) -> bool:
        """Whether an object is of code that a person trusts, which keeps what it likes."""
        return self._code is not None and self.trusts(owner)

    def kind_of(self, thing: Any) -> str | None:
        """The kind of an instance, a function or a type: a key of the tables in `allowlist`, or None."""
        return self._kinds.get(id(thing)) or self._kinds.get(id(type(thing)))

    def _trust(self, thing: Any) -> Any:
        if type(thing) not in SCALARS and not any(thing is kind for kind in (type, object)):
            self._trusted[id(thing)] = thing
        return thing

    def _write(self, target: Any, state: Any) -> None:
        """Attributes, past every ``__setstate__`` and property; none may take the place of what its class defines."""
        if type(state) is tuple and len(state) == 2 and (state[1] is None or (type(state[1]) is dict and not state[1])):
            state = state[0]
        if state is None or self.kind_of(target) == "bunch":  # scikit-learn's own takes no state either
            return
        if type(state) is not dict:
            raise hostile(f"the state of {called(target)} is no dict")
        self._note_version(target, state)
        held, not_held = vars(target), COMPUTED.get(type(target).__module__, frozenset())
        for name, value in state.items():
            if name != "_sklearn_version" and name not in not_held:
                if type(name) is not str or not may_hold(type(target), name):  # type: ignore[arg-type]
                    raise hostile(f"the file sets {shown(name)} on {called(target)}, which is not the model's to set")
                held[sys.intern(name)] = value

    def _note_version(self, target: Any, state: Any) -> None:
        if isinstance(target, BaseEstimator) and type(target).__module__.startswith("sklearn.") and type(state) is dict:
            version = state.get("_sklearn_version")
            if type(version) is str and attributes.minor_of(version) is None:
                raise hostile(f"the file names {shown(version)} as the scikit-learn that wrote it, which is no version")
            self.versions.add(version if type(version) is str else "pre-0.18")
            self._written_by[id(target)] = version


@lru_cache(maxsize=4096)
def may_hold(kind: type, name: str) -> bool:
    """Whether an instance may have this attribute: no dunder, and no method, property or constant of its class.

    Both have a parameter that a class fixes to a plain value, and yet lets be set; and an empty list or dict, which
    stands there until fitting.
    """
    if not name.isidentifier() or (name.startswith("__") and name.endswith("__")):
        return False
    try:
        defined = inspect.getattr_static(kind, name)
    except AttributeError:
        return True
    if type(defined) in (list, dict) and not defined:
        return not name.startswith("_")
    return is_scalar(defined) and name in inspect.signature(kind.__init__).parameters  # type: ignore[misc]


def _imported(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _fill_freely(target: Any, state: Any) -> None:
    """As pickle does it."""
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    attributes, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
    if attributes:
        vars(target).update(attributes)
    for name, value in (slots or {}).items():
        setattr(target, name, value)
