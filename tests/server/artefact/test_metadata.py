"""The metadata: what is written is what is read, and damage is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.metadata import FORMAT, NAME_PATTERN, BadArtefact, from_metadata, to_metadata
from server.codecs.predict import codec_of_artefact
from tests.support.server.models import ARTEFACTS, Made, mixed


@pytest.mark.parametrize("name", ARTEFACTS)
def test_what_is_written_is_what_is_read(name: str) -> None:
    artefact = ARTEFACTS[name]().artefact
    assert artefact is not None
    metadata = to_metadata(artefact)
    assert all(key.startswith("dynonnx.") for key in metadata)
    assert from_metadata(metadata | {"another": "key"}) == artefact


def test_a_file_of_another_maker_has_no_artefact() -> None:
    assert from_metadata({}) is None
    assert from_metadata({"producer": "torch"}) is None


@pytest.fixture
def metadata() -> dict[str, str]:
    """Good metadata with all kinds of features."""
    made: Made = mixed()
    assert made.artefact is not None
    return to_metadata(made.artefact)


@pytest.mark.parametrize("number", ["2", '"1"', "null", "0"])
def test_another_format_is_refused_by_its_number(metadata: dict[str, str], number: str) -> None:
    with pytest.raises(BadArtefact, match=f"this version reads format {FORMAT}"):
        from_metadata(metadata | {"dynonnx.format": number})


def test_a_missing_key_is_named(metadata: dict[str, str]) -> None:
    for key in set(metadata) - {"dynonnx.format"}:
        with pytest.raises(BadArtefact, match=key):
            from_metadata({name: text for name, text in metadata.items() if name != key})


def test_a_key_that_is_not_json_is_named(metadata: dict[str, str]) -> None:
    for key in metadata:
        with pytest.raises(BadArtefact, match=f"{key} is not JSON"):
            from_metadata(metadata | {key: "{"})


FEATURE = {"name": "a", "dtype": "float64", "input": "X", "nullable": False, "categories": None}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", {"name": "m", "kind": "oracle"}),
        ("model", {"name": "m"}),
        ("model", ["m", "regressor"]),
        ("features", None),
        ("features", []),
        ("features", [FEATURE | {"dtype": "complex64"}]),
        ("features", [{"name": "a"}]),
        ("features", [FEATURE | {"name": 5}]),
        ("features", [FEATURE | {"input": ["X"]}]),
        ("features", [FEATURE | {"known": "abc"}]),
        ("features", [FEATURE | {"known": None}]),
        ("features", [FEATURE | {"known": ["a text"]}]),
        ("features", [FEATURE | {"known": [[1.0]]}]),
        ("features", [FEATURE | {"known": [True]}]),
        ("features", [FEATURE, FEATURE]),
        ("features", [FEATURE, FEATURE | {"name": "b", "dtype": "bool"}]),
        ("features", [FEATURE, FEATURE | {"name": "b", "input": "Y"}, FEATURE | {"name": "c"}]),
        ("features", [FEATURE | {"dtype": "int64", "nullable": True}]),
        ("features", [FEATURE | {"dtype": "bool", "nullable": True}]),
        ("outputs", [{"role": "vote", "name": "y"}]),
        ("outputs", [{"role": "value"}]),
        ("outputs", [{"role": "value", "name": "y"}] * 2),
        ("outputs", [{"role": "probabilities", "name": "p"}]),  # of which classes?
        ("golden", []),
        ("golden", {"rows": [[1]]}),
        ("producer", 5),
        ("parity", "none"),
        ("parity", [[None, None]]),
        ("producer", [["a", "b"]]),
        ("golden", {"rows": [], "outputs": [["a", "b"]]}),
        ("classes", None),
        ("classes", []),
        ("classes", [[], [1, 2]]),
    ],
)
def test_damage_is_told(metadata: dict[str, str], key: str, value: Any) -> None:
    if key == "classes" and value is None:
        metadata["dynonnx.outputs"] = '[{"role":"label","name":"l"},{"role":"probabilities","name":"p"}]'
    with pytest.raises(BadArtefact, match="dynonnx"):
        from_metadata(metadata | {f"dynonnx.{key}": orjson.dumps(value).decode()})


def test_json_nested_beyond_reason_is_damage(metadata: dict[str, str]) -> None:
    for key in ("classes", "features", "golden"):
        with pytest.raises(BadArtefact):
            from_metadata(metadata | {f"dynonnx.{key}": "[" * 1000 + "]" * 1000})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PARTS = ("model", "features", "outputs", "classes", "golden", "producer", "created", "source_sha256", "parity")


@given(st.sampled_from(PARTS), JSON)
def test_any_json_is_read_or_told(part: str, value: Any) -> None:
    artefact = mixed().artefact
    assert artefact is not None
    try:
        read = from_metadata(to_metadata(artefact) | {f"dynonnx.{part}": orjson.dumps(value).decode()})
    except BadArtefact:
        return
    assert read is not None
    assert read.features == artefact.features  # no other list of this test's is one of features
    assert to_metadata(read).keys() == to_metadata(artefact).keys()


@pytest.mark.parametrize("name", ["a", "iris", "A.b-c_1", "9", "x" * 64])
def test_good_names(name: str) -> None:
    assert NAME_PATTERN.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-a", "_a", "a/b", "a\\b", "a b", "é", "x" * 65, "a\n", "a\x00", "%2e"]
)
def test_bad_names(name: str) -> None:
    assert not NAME_PATTERN.fullmatch(name)


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 2**64, 1.5, "", "x" * 300, [], [[]], {}, {"name": None}, [None], "\0", "1e999"]
)


def _replaced(value: Any, odd: Any, place: int) -> Any:
    """The JSON value with one of its inner values, the one that ``place`` says, replaced."""
    if isinstance(value, dict) and value:
        key = sorted(value)[place % len(value)]
        return {**value, key: _replaced(value[key], odd, place // len(value))}
    if isinstance(value, list) and value:
        at = place % len(value)
        return [*value[:at], _replaced(value[at], odd, place // len(value)), *value[at + 1 :]]
    return odd


@given(st.sampled_from(sorted(ARTEFACTS)), st.sampled_from(PARTS), ODD, st.integers(0, 10**6), st.booleans())
def test_real_metadata_with_a_piece_changed_is_read_or_told(
    name: str, part: str, odd: Any, place: int, dropped: bool
) -> None:
    artefact = ARTEFACTS[name]().artefact
    assert artefact is not None
    metadata = to_metadata(artefact)
    key = f"dynonnx.{part}"
    value = _replaced(orjson.loads(metadata[key]), odd, place)
    if dropped and isinstance(value, dict | list) and value:
        value = dict(list(value.items())[1:]) if isinstance(value, dict) else value[1:]
    text = orjson.dumps(value, default=str).decode() if odd != 2**64 else orjson.dumps(str(value)).decode()
    try:
        read = from_metadata(metadata | {key: text})
    except BadArtefact:
        return
    assert read is not None
    with contextlib.suppress(IndexError, TypeError, ValueError):  # what loading takes for a reason to refuse
        codec_of_artefact(read, "1", 10)
