"""The body of `/predict`: strict JSON, one row or many, which group; every refusal is one of ours and echoes little."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.metadata import Artefact
from server.artefact.tensors import TensorSpec, concatenate
from server.codecs.json.group import JsonGroup
from server.codecs.predict import (
    MOST_NAME_BYTES,
    MOST_NAMELESS,
    NO_ROWS,
    PredictCodec,
    codec_of_artefact,
    codec_of_signature,
)
from server.errors import ServerError
from tests.support.server.decoding import Decoded, decode
from tests.support.server.models import classifier, mixed, regressor


def artefact_of(made: Any) -> Artefact:
    """The artefact of a made model that has one."""
    assert isinstance(made.artefact, Artefact)
    return made.artefact


IRIS = codec_of_artefact(artefact_of(classifier()), "1", max_rows=5)
DIABETES = codec_of_artefact(artefact_of(regressor(features=2)), "1", max_rows=5)
MIXED = codec_of_artefact(artefact_of(mixed()), "1", max_rows=5)
ROW = [5.1, 3.5, 1.4, 0.2]
NAMED = dict(zip([feature.name for feature in artefact_of(classifier()).features], ROW, strict=True))


def rows_of(codec: PredictCodec, body: bytes) -> Any:
    """The first input of a body, as lists."""
    request = decode(codec, body)
    return concatenate(codec.layouts[0], [request.buffers[0]]).tolist()


def refusal(body: bytes, codec: PredictCodec = IRIS) -> ServerError:
    """The error of a body."""
    with pytest.raises(ServerError) as caught:
        decode(codec, body)
    return caught.value


def body_of(features: Any, **more: Any) -> bytes:
    """A body."""
    return orjson.dumps({"features": features, **more})


def test_one_row_and_many() -> None:
    for features, rows, single in ((ROW, 1, True), (NAMED, 1, True), ([ROW], 1, False), ([NAMED, ROW], 2, False)):
        request = decode(IRIS, body_of(features))
        assert (request.rows, request.single) == (rows, single)
        assert rows_of(IRIS, body_of(features)) == [ROW] * rows


def test_as_many_rows_as_are_allowed() -> None:
    assert decode(IRIS, body_of([ROW] * 5)).rows == 5


BARE_ROWS = (
    b"[5.1,3.5,1.4,0.2]",
    b"[ 5,-3.5e+0 ,\n1.4E-1,\t0 ]",
    b"[1,2,3]",
    b"[]",
    b"[1,2,3,4,5]",
    b"[true,1,2,3]",
    b"[null,1,2,3]",
    b'["1",1,2,3]',
    b"[NaN,1,2,3]",
    b"[1e400,1,2,3]",
    b"[9007199254740993,18446744073709551616,-0.0,5e-324]",
    b"[01,1,2,3]",
    b"[1,1,2,3,]",
    b"[1 1,2,3]",
    b"[1,1,2,3]1",
    b"[1,1,2,3]]",
    b"[[1,1,2,3]]",
    b"[1,[1,2],3]",
    b'[1,1,2,3],"features":[4,4,4,4]',
    b"[1,1,2,3",
    b"-",
    b"1",
)
ROUND_ROWS = (
    *(b'{"features":%b}', b' {"features" : %b}\n', b'{"fea tures":%b}', b'{"f1eatures":%b}', b'{"fatures":%b}'),
    *(b'{"features":%b,}', b'1{"features":%b}', b'{"features":%b}-', b'{"features":%b}{}', b'{"feat\\u0075res":%b}'),
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_a_bare_row_of_numbers_is_read_as_every_other_body(dtype: Any) -> None:
    """And what looks like one is refused in the same words."""
    signature = (TensorSpec("x", np.dtype(dtype), (None, 4)),)
    quick, slow = (codec_of_signature(signature, signature, "1", max_rows=5) for _ in range(2))
    assert quick is not None
    assert slow is not None
    slow._pack_row = None

    def told(codec: PredictCodec, body: bytes | bytearray) -> Any:
        try:
            request = decode(codec, body)
        except ServerError as error:
            return error.code, str(error), error.headers
        return request.buffers, request.single, request.rows, request.group is codec.groups[0]

    for form in ROUND_ROWS:
        for row in BARE_ROWS:
            body = form % row
            assert told(quick, body) == told(quick, bytearray(body)) == told(slow, body), body


def test_a_bytearray_is_read_too() -> None:
    assert decode(IRIS, bytearray(body_of(ROW))).buffers == decode(IRIS, body_of(ROW)).buffers


def test_groups() -> None:
    plain = decode(IRIS, body_of(ROW)).group
    probabilities = decode(IRIS, body_of(ROW, probabilities=True)).group
    assert isinstance(plain, JsonGroup)
    assert plain is not probabilities
    assert plain is decode(IRIS, body_of([ROW], probabilities=False)).group
    assert probabilities is decode(IRIS, body_of([NAMED], probabilities=True)).group
    error = refusal(body_of([1, 2], probabilities=True), DIABETES)
    assert (error.status, str(error)) == (422, "probabilities: this model has none")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "bad_json", "the body is empty; expected JSON"),
        (b"{", "bad_json", "the body is not JSON: "),
        (b'{"features": [1,2,3,4]} x', "bad_json", "at character 24"),
        (b'\xef\xbb\xbf{"features": [1,2,3,4]}', "bad_json", "byte order mark"),
        ('{"features": [1,2,3,4]}'.encode("utf-16"), "bad_json", "UTF-8"),
        (b'{"features": ["\xff"]}', "bad_json", "UTF-8"),
        (b'{"features": ["\\ud800"]}', "bad_json", "surrogate"),
        (b'{"features": [NaN,2,3,4]}', "bad_json", "at character 14; JSON has no NaN, send null"),
        ('{"features": ["Zürich", NaN]}'.encode(), "bad_json", "at character 24; JSON has no NaN, send null"),
        (b'{"features": [Infinity,2,3,4]}', "bad_json", "not JSON"),
        (b'{"features": [1e999,2,3,4]}', "bad_json", "not JSON"),
        (b'{"features": [' + b"9" * 400 + b",2,3,4]}", "bad_json", "not JSON"),
        (b"{'features': [1,2,3,4]}", "bad_json", "not JSON"),
        (b"[1,2,3,4]", "invalid_input", 'expected an object like {"features": [...]}, got an array'),
        (b"5", "invalid_input", "got 5"),
        (b"null", "invalid_input", "got null"),
        (b"{}", "invalid_input", "missing key 'features'"),
        (b'{"feature": [1,2,3,4]}', "invalid_input", 'unexpected key "feature"'),
        (b'{"features": [1,2,3,4], "x": 1}', "invalid_input", 'unexpected key "x"'),
        (b'{"probabilities": true}', "invalid_input", "missing key 'features'"),
        (b'{"features": [1,2,3,4], "probabilities": 1}', "invalid_input", "expected true or false, got 1"),
        (b'{"features": [1,2,3,4], "probabilities": null}', "invalid_input", "expected true or false, got null"),
        (b'{"features": []}', "invalid_input", "features: no rows; send at least one"),
        (b'{"features": null}', "invalid_input", "got null"),
        (b'{"features": {}}', "invalid_input", "missing features 'sepal length (cm)', 'sepal width (cm)'"),
        (b'{"features": [[]]}', "invalid_input", "features[0]: expected 4 values"),
        (b'{"features": [[1,2,3,4],[1,2,3]]}', "invalid_input", "features[1]: expected 4 values"),
        (b'{"features": [[1,2,3,4],[1,2,3,true]]}', "invalid_input", "features[1][3]: expected a number, got true"),
        (b'{"features": [1,2,3,true]}', "invalid_input", "features[3]: expected a number, got true"),
        (b'{"feat\\u0075res": [1,2,3,true]}', "invalid_input", "features[3]: expected a number, got true"),
        (b'{"features": [1,2,3,false]}', "invalid_input", "features[3]: expected a number, got false"),
        (b'{"features": [1,2,3,null]}', "invalid_input", "features[3]: expected a number, got null"),
        (b'{"features": [1,2,3,"4"]}', "invalid_input", 'features[3]: expected a number, got "4"'),
        (
            b'{"features": [[1,2,3,4]' + b",[1,2,3,4]" * 5 + b"]}",
            "too_many_rows",
            "6 rows are more than the 5 allowed: send several requests",
        ),
    ],
)
def test_refusals(body: bytes, code: str, message: str) -> None:
    error = refusal(body)
    assert error.code == code
    assert message in str(error)
    assert len(str(error)) < 300


def nested(depth: int) -> bytes:
    """A body of that many levels, the object among them."""
    return b'{"features":' + b"[" * (depth - 1) + b"1" + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("depth", [12, 100, 1023, 1024, 1025, 1026, 100_000, 250_000])
def test_too_deep(depth: int) -> None:
    for body in (nested(depth), nested(depth).replace(b'"features"', b'"probabilities"')):
        error = refusal(body)
        assert (error.code, error.status) == ("too_deep", 400), str(error)


@pytest.mark.parametrize(("depth", "code"), [(100, "bad_json"), (1000, "too_deep"), (100_000, "too_deep")])
def test_half_of_a_deep_body(depth: int, code: str) -> None:
    assert refusal(nested(depth)[:depth]).code == code


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    assert rows_of(IRIS, b'{"features": "x", "features": [1,2,3,4]}') == [[1, 2, 3, 4]]
    assert refusal(b'{"features": [1,2,3,4], "features": "x"}').code == "invalid_input"
    row = b'{"sepal length (cm)": 9, ' + orjson.dumps(NAMED)[1:]
    assert rows_of(IRIS, b'{"features": ' + row + b"}") == [ROW]


def outcome(codec: PredictCodec, body: bytes) -> Decoded | None:
    """What a body asks, or None where it is refused as a client's fault."""
    try:
        return decode(codec, body)
    except ServerError as error:
        if error.status not in (400, 422):
            raise
        return None


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for codec in (IRIS, MIXED):
        outcome(codec, body)


FRAGMENTS = st.sampled_from(
    rb"""{ } [ ] , : 1 -0 1e308 0.1 9223372036854775808 1,2,3,4 " "Bern" true false null \u0075 {"features":[ ]}
    "features" "probabilities" """.split()
)


ROWS = st.lists(FRAGMENTS, min_size=4, max_size=4).map(b",".join)
KEYS = st.sampled_from([b"features", b"feat\\u0075res", b"probabilities"])


@given(
    st.lists(FRAGMENTS, max_size=12).map(b"".join)
    | st.builds(lambda key, row: b'{"%b":[%b]}' % (key, row), KEYS, ROWS)
    | st.builds(lambda key, row, more: b'{"%b":[[%b],[%b]]}' % (key, row, more), KEYS, ROWS, ROWS)
)
def test_almost_json_is_read_as_json_or_refused(body: bytes) -> None:
    """Whatever passes is exactly what a JSON parser and numpy make of it, so the shortcut on letters never errs."""
    request = outcome(IRIS, body)
    if request is None:
        return
    features = orjson.loads(body)["features"]
    rows = [features] if request.single else features
    assert not any(type(value) is bool for row in rows for value in row)
    np.testing.assert_array_equal(concatenate(IRIS.layouts[0], [request.buffers[0]]), np.array(rows, np.float64))


def spec(name: str, dtype: Any, *shape: int | None) -> TensorSpec:
    """A tensor's signature."""
    return TensorSpec(name, np.dtype(dtype), shape)


OUTPUT = (spec("y", np.float32, None, 1),)


@pytest.mark.parametrize(
    "inputs",
    [
        (spec("a", np.float32, None, 2), spec("b", np.float32, None, 2)),
        (spec("a", np.float32, None, None),),
        (spec("a", np.float32, 1, 2),),
        (spec("a", np.float32, None),),
        (spec("a", np.float32, None, 2, 2),),
        (spec("a", np.float32, None, 0),),
        (spec("a", np.uint8, None, 2),),
        (spec("a", np.float32, None, MOST_NAMELESS + 1),),
        (spec("a" * MOST_NAME_BYTES, np.float32, None, 2),),
        (),
    ],
    ids=range(10),
)
def test_signatures_that_cannot_be_asked_in_rows(inputs: tuple[TensorSpec, ...]) -> None:
    assert codec_of_signature(inputs, OUTPUT, "1", 5) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_, np.object_])
def test_a_signature_of_one_matrix(dtype: Any) -> None:
    codec = codec_of_signature((spec("a", dtype, None, 2),), OUTPUT, "1", 5)
    assert codec is not None
    values = {np.bool_: [True, False], np.object_: ["x", ""]}.get(dtype, [1, 2])
    assert rows_of(codec, body_of([values])) == [values]
    assert "expected 2 values ('a[0]', 'a[1]'), got 1" in str(refusal(body_of([[1]]), codec))
    assert "probabilities: this model has none" in str(refusal(body_of(values, probabilities=True), codec))


@pytest.mark.parametrize("name", [b"content-type", b"Content-Type", b"cOnTeNt-TyPe"])
@pytest.mark.parametrize(
    "value", [b"application/json", b"application/json; charset=utf-8", b"Application/JSON", b" application/json ;x"]
)
def test_json_by_any_spelling(name: bytes, value: bytes) -> None:
    for codec in (IRIS, NO_ROWS):
        codec.read_headers([(b"accept", b"*/*"), (name, value)])
        codec.read_headers([])


@pytest.mark.parametrize(
    "value",
    [b"", b"text/plain", b"application/jsonx", b"application/x-www-form-urlencoded", b"multipart/form-data", b"\xff"],
)
def test_no_json(value: bytes) -> None:
    for name in (b"content-type", b"Content-Type"):
        with pytest.raises(ServerError) as caught:
            IRIS.read_headers([(b"content-type", b"application/json"), (name, value)])
        assert (caught.value.code, caught.value.status) == ("unsupported_media_type", 415)
        assert f'this is "{value.decode("latin-1")}"' in caught.value.message
