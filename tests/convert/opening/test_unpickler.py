"""Opcodes: what could call, make or change something asks the builder; what no model needs is refused."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from convert.errors import Refused
from convert.opening import opener
from convert.opening.builder import Builder
from convert.opening.unpickler import Unpickler
from tests.support.convert.hostile import (
    CHECK_ARRAY,
    PASSING,
    again,
    attributes,
    built,
    called,
    items,
    kept,
    made,
    mapping,
    named,
    program,
    runs_code,
    value,
)

LINEAR = "sklearn.linear_model._base.LinearRegression"


def open_model(pickled: bytes) -> Any:
    return opener.open_model(pickled, opener.OpenPolicy(any_version=True))


def reason(pickled: bytes) -> str:
    with pytest.raises(Refused) as refusal:
        open_model(pickled)
    return refusal.value.reason


@pytest.mark.fault(59)
def test_a_pickle_of_allowlisted_names_runs_nothing(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pickled = runs_code(f"open({str(ran)!r}, 'w').close()")
    with pytest.raises(TypeError):
        pickle.loads(pickled)  # noqa: S301  the control: these names alone are enough
    assert ran.exists()
    ran.unlink()
    assert "functools.partial" in reason(pickled)
    assert not ran.exists()


@pytest.mark.parametrize("state", [attributes(__mul__=named("builtins.dict")), mapping(x=value(1))])
@pytest.mark.parametrize("target", [LINEAR, CHECK_ARRAY, "numpy.log1p", "builtins.dict", "numpy.dtype"])
def test_nothing_is_set_on_a_class_or_a_function(target: str, state: bytes) -> None:
    assert "sets a state on" in reason(program(built(named(target), state)))


@pytest.mark.parametrize("target", ["numpy.log1p", CHECK_ARRAY, "builtins.dict", "builtins.str"])
def test_what_a_model_carries_is_not_called(target: str) -> None:
    arguments = (value("x"),)
    name = named(target)
    module, _, last = target.rpartition(".")
    for pushed in (
        called(name, *arguments),
        pickle.MARK + name + b"".join(arguments) + pickle.OBJ,
        pickle.MARK + b"".join(arguments) + pickle.INST + f"{module}\n{last}\n".encode(),
    ):
        assert f"calls the {'function' if target in ('numpy.log1p', CHECK_ARRAY) else 'class'}" in reason(
            program(pushed)
        )
    for pushed in (made(target, *arguments), name + items(*arguments) + mapping(a=value(1)) + pickle.NEWOBJ_EX):
        assert "makes a new object of" in reason(program(pushed))


def test_an_instance_is_not_called() -> None:
    assert "calls an instance of" in reason(program(called(made(LINEAR), value(1))))


def test_a_class_is_made_only_without_arguments() -> None:
    assert isinstance(open_model(program(made(LINEAR))), object)
    assert "makes a new object" in reason(program(made(LINEAR, value(1))))
    assert "calls the class" in reason(program(called(named(LINEAR), value(1))))


@pytest.mark.parametrize("name", ["predict", "__class__", "__sklearn_tags__", "fit", "_repr_html_", "a b", "__dict__"])
def test_an_attribute_takes_no_methods_place(name: str) -> None:
    assert f"sets {name!r} on" in reason(program(built(made(LINEAR), mapping(**{name: value(1)}))))


def test_a_state_is_written_once() -> None:
    once = built(kept(1000, made(LINEAR)), mapping(coef_=value(1)))
    assert open_model(program(once)).coef_ == 1
    assert "which it did not just make" in reason(program(once, built(again(1000), mapping(coef_=value(2)))))


def test_nobodys_own_methods_take_items() -> None:
    target = made("sklearn.pipeline.Pipeline")
    assert "appends to" in reason(program(target + value(1) + pickle.APPEND))
    assert "appends to" in reason(program(target + pickle.MARK + value(1) + pickle.APPENDS))
    assert "sets items of" in reason(program(target + value(1) + value(2) + pickle.SETITEM))
    assert "sets items of" in reason(program(target + pickle.MARK + value(1) + value(2) + pickle.SETITEMS))
    assert "adds to" in reason(program(target + pickle.MARK + value(1) + pickle.ADDITEMS))


def test_an_array_is_not_changed_after_it_was_made() -> None:
    array = pickle.dumps(np.arange(3.0), 3)[2:-1]
    assert "sets items of" in reason(program(array + value(0) + value(1.0) + pickle.SETITEM))


@pytest.mark.parametrize(
    "pushed",
    [
        pickle.EXT1 + b"\x01",
        pickle.EXT2 + b"\x01\x00",
        pickle.EXT4 + b"\x01\x00\x00\x00",
        pickle.PERSID + b"name\n",
        value(1) + pickle.BINPERSID,
        pickle.NEXT_BUFFER,
        value(b"x") + pickle.READONLY_BUFFER,
    ],
)
def test_opcodes_that_no_model_needs_are_refused(pushed: bytes) -> None:
    assert "an opcode of pickle that no model needs" in reason(program(pushed))


@pytest.mark.fault(59)
@pytest.mark.parametrize("opcode", [pickle.BYTEARRAY8, pickle.BINBYTES8, pickle.BINUNICODE8])
def test_a_length_beyond_the_file_allocates_nothing(opcode: bytes) -> None:
    reason(program(opcode + struct.pack("<Q", 1 << 40)))


def test_a_protocol_of_old_makes_instances_and_bytes() -> None:
    old = pickle.dumps(np.arange(3.0), 0)
    assert open_model(b"(lp0\n" + b"I1\na.") == [1]
    with io.BytesIO(old) as stream:
        np.testing.assert_array_equal(Unpickler(stream, Builder(())).load(), np.arange(3.0))
    plain = b"ccopy_reg\n_reconstructor\n(csklearn.linear_model._base\nLinearRegression\nc__builtin__\nobject\nNtR."
    assert type(open_model(plain)).__name__ == "LinearRegression"
    hostile = plain.replace(b"c__builtin__\nobject\nN", b"c__builtin__\nlist\nN")
    assert "made from another" in reason(hostile)


def test_joblib_arrays_are_read_as_joblib_reads_them() -> None:
    arrays = [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array("x"),
        np.empty((0, 2)),
    ]
    arrays += [np.arange(3, dtype=">f8"), np.array(["a", None, 1.5], object), np.zeros(2, [("a", "<i4"), ("b", "<f8")])]
    file = io.BytesIO()
    joblib.dump(arrays, file)
    with io.BytesIO(file.getvalue()) as stream:
        for read, wrote in zip(Unpickler(stream, Builder(())).load(), arrays, strict=True):
            np.testing.assert_array_equal(read, wrote)
            assert read.flags["F_CONTIGUOUS"] == wrote.flags["F_CONTIGUOUS"]
            assert read.dtype.isnative


def test_joblib_arrays_of_more_items_than_bytes_are_refused() -> None:
    file = io.BytesIO()
    joblib.dump(np.arange(6.0), file)
    longer = file.getvalue().replace(b"K\x06\x85", b"K\x60\x85")
    assert longer != file.getvalue()
    assert "does not have the bytes" in reason(longer)


def test_a_scorer_is_a_stand_in() -> None:
    scorer = built(made(PASSING), mapping(_estimator=named("numpy.log1p")))
    opened = open_model(program(built(made(LINEAR), mapping(scorer_=scorer))))
    assert repr(opened.scorer_) == "_PassthroughScorer"
    assert not callable(opened.scorer_)
