"""The v2 protocol over both doors: every data type, every way to send it, refusals; equal to the byte."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnxruntime
import orjson
import pytest

from tests.support.server.doors import DOORS, Door, get, open_door
from tests.support.server.doors import post as post_json
from tests.support.server.models import Made
from tests.support.server.tensors import INPUTS, PAIR, SERVED, TYPES, X, sample
from tests.support.server.v2 import DTYPES, Request, post, read, to_bytes


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    return {name: make() for name, make in SERVED.items()}


@pytest.fixture(scope="module", params=DOORS)
def door(
    request: pytest.FixtureRequest, made: dict[str, Made], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    settings = {"DEFAULT_MODEL": "iris", "MAX_ROWS": "50", "MAX_BODY_BYTES": "300000"}
    with open_door(request.param, tmp_path_factory.mktemp("m"), made, **settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def both(made: dict[str, Made], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, Door]]:
    settings = {"DEFAULT_MODEL": "iris", "MAX_ROWS": "50", "MAX_BODY_BYTES": "5000"}
    folder = tmp_path_factory.mktemp("m")
    with open_door("one", folder, made, **settings) as first, open_door("two", folder, made, **settings) as second:
        yield first, second


def alone(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """What ONNX Runtime itself answers."""
    session = onnxruntime.InferenceSession(SERVED[name]().data, providers=["CPUExecutionProvider"])
    return dict(zip([node.name for node in session.get_outputs()], session.run(None, inputs), strict=True))


def same(got: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert list(got) == list(wanted)
    for name, array in wanted.items():
        assert got[name].dtype == array.dtype, name
        assert got[name].shape == array.shape, name
        np.testing.assert_array_equal(got[name], array, name)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("back", [True, False])
def test_every_model_answers_as_onnx_runtime_does(door: Door, name: str, binary: bool, back: bool) -> None:
    inputs = INPUTS[name]
    request = Request(inputs, binary, parameters={"binary_data_output": back})
    document, got = read(door.ask(request.post(name)))
    same(got, alone(name, inputs))
    assert {"model_name": name, "model_version": "1"}.items() <= document.items()
    assert "id" not in document


def test_json_and_binary_mix_in_any_order(door: Door) -> None:
    inputs = dict(reversed(INPUTS["types"].items()))
    outputs: list[dict[str, Any]] = [
        {"name": f"same_{name}", "parameters": {"binary_data": at % 3 == 0}} for at, name in enumerate(inputs)
    ]
    request = Request(inputs, binary=list(inputs)[::2], outputs=outputs, request_id='a"b')
    document, got = read(door.ask(request.post("types", version="1")))
    same(got, {f"same_{name}": array for name, array in inputs.items()})
    assert document["id"] == 'a"b'
    assert ["parameters" in output for output in document["outputs"]] == [at % 3 == 0 for at in range(len(inputs))]


def test_outputs_come_in_the_order_asked_and_no_others(door: Door) -> None:
    every = alone("iris", {"X": X})
    for names in (["probabilities", "label"], ["label"], ["probabilities"]):
        _, got = read(door.ask(Request({"X": X}, outputs=[{"name": name} for name in names]).post("iris")))
        same(got, {name: every[name] for name in names})


def test_an_output_that_says_nothing_takes_what_the_request_says(door: Door) -> None:
    outputs: list[dict[str, Any]] = [{"name": "label"}, {"name": "probabilities", "parameters": {"binary_data": False}}]
    answer = door.ask(Request({"X": X}, outputs=outputs, parameters={"binary_data_output": True}).post("iris"))
    document, _ = read(answer)
    assert ["parameters" in output for output in document["outputs"]] == [True, False]


def test_what_is_not_finite_is_null_in_json_and_itself_in_binary(door: Door) -> None:
    x = np.array([[np.nan, np.inf, -np.inf]], np.float16)
    reply = door.ask(Request({"X": x}).post("halves"))
    assert orjson.loads(reply.body)["outputs"][0]["data"] == [None, None, None]
    _, got = read(door.ask(Request({"X": x}, parameters={"binary_data_output": True}).post("halves")))
    np.testing.assert_array_equal(got["Y"], x)


def test_nested_data_is_the_same_as_flat(door: Door) -> None:
    document = {"inputs": [{"name": "X", "shape": [3, 4], "datatype": "FP64", "data": X.tolist()}]}
    _, got = read(door.ask(post("iris", orjson.dumps(document))))
    same(got, alone("iris", {"X": X}))


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT32", "UINT64"])
@pytest.mark.parametrize("binary", [True, False])
def test_narrower_numbers_are_widened(door: Door, datatype: str, binary: bool) -> None:
    narrow = X.astype(DTYPES[datatype])
    _, got = read(door.ask(Request({"X": narrow}, binary).post("iris")))
    same(got, alone("iris", {"X": X}))


def test_classification(door: Door) -> None:
    outputs: list[dict[str, Any]] = [{"name": "probabilities", "parameters": {"classification": 2}}, {"name": "label"}]
    probabilities = alone("iris", {"X": X})["probabilities"]
    document, got = read(door.ask(Request({"X": X}, outputs=outputs).post("iris")))
    assert document["outputs"][0]["datatype"] == "BYTES"
    names = ["setosa", "versicolor", "virginica"]
    for row, told in zip(probabilities, got["probabilities"], strict=True):
        best = np.argsort(-row)[:2]
        assert told.tolist() == [f"{row[at]:f}:{at}:{names[at]}" for at in best]


def test_classification_of_a_model_that_names_nothing(door: Door) -> None:
    outputs = [{"name": "kept", "parameters": {"classification": 99, "binary_data": True}}]
    ask = {"tokens": np.array([[5, -1, 9]]), "mask": np.array([[1, 1, 1]])}
    _, got = read(door.ask(Request(ask, outputs=outputs).post("sentences")))
    assert got["kept"].tolist() == [["9:2", "5:0", "-1:1"]]


@pytest.mark.parametrize(
    ("name", "inputs"),
    [("iris", {"X": X[1:2]}), ("halves", INPUTS["halves"]), ("fixed", INPUTS["fixed"]), ("single", INPUTS["single"])],
)
def test_a_raw_body_is_one_tensor(door: Door, name: str, inputs: dict[str, Any]) -> None:
    ((_, array),) = inputs.items()
    array = array[:1] if name == "halves" else array
    reply = door.ask(post(name, to_bytes(array), b"Inference-Header-Content-Length: 0"))
    document, got = read(reply)
    same(got, alone(name, dict.fromkeys(inputs, array)))
    assert all("binary_data_size" in output["parameters"] for output in document["outputs"])


def test_a_raw_text_has_no_length_before_it(door: Door) -> None:
    _, got = read(door.ask(post("parsed", b"12.25", b"Inference-Header-Content-Length: 0")))
    assert got["number"].tolist() == [[12.25]]


PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}
UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


@pytest.mark.parametrize("way", PACKED)
def test_requests_and_answers_may_be_compressed(door: Door, way: str) -> None:
    json, data = Request({"X": X}, parameters={"binary_data_output": True}).parts()
    headers = [
        b"Inference-Header-Content-Length: %d" % len(json),
        b"Content-Encoding: " + way.encode(),
        b"Accept-Encoding: " + way.encode(),
    ]
    reply = door.ask(post("iris", PACKED[way](json + data), *headers))
    assert reply.headers["content-encoding"] == way
    _, got = read(reply, UNPACK[way](reply.body))
    same(got, alone("iris", {"X": X}))


def test_a_client_that_lists_what_it_could_read_gets_answers_as_they_are(door: Door) -> None:
    for listed in (b"gzip, deflate, br", b"br", b"*", b"identity"):
        reply = door.ask(Request({"X": X}).post("iris", b"Accept-Encoding: " + listed))
        assert "content-encoding" not in reply.headers
        read(reply)


def test_errors_are_never_compressed(door: Door) -> None:
    reply = door.ask(post("iris", b"{", b"Accept-Encoding: gzip"))
    assert (reply.status, orjson.loads(reply.body)["code"]) == (400, "bad_json")


def test_a_request_larger_than_a_batch_is_put_together(made: dict[str, Made], tmp_path: Any) -> None:
    inputs = {name: sample(name, (37, 2), 1) for name in TYPES}
    for name in DOORS:
        with open_door(name, tmp_path, {"types": made["types"]}, MAX_BATCH_ROWS="8") as door:
            _, got = read(door.ask(Request(inputs, parameters={"binary_data_output": True}).post("types")))
            same(got, {f"same_{name}": array for name, array in inputs.items()})


def test_requests_of_one_turn_share_a_run_where_shapes_and_outputs_are_equal(
    made: dict[str, Made], tmp_path: Any
) -> None:
    sizes = [(1, 4), (2, 4), (1, 5), (3, 4), (1, 5), (1, 4)]
    asked = [{"tokens": np.full(size, at + 1), "mask": np.ones(size, np.int64)} for at, size in enumerate(sizes)]
    with open_door("two", tmp_path, {"sentences": made["sentences"]}) as door:
        client = door.connect().send(b"".join(Request(inputs).post("sentences") for inputs in asked))
        for inputs in asked:
            _, got = read(client.read())
            same(got, alone("sentences", inputs))
        client.close()
        stats = orjson.loads(door.ask(get("/v2/models/sentences/stats")).body)["model_stats"][0]
    assert (stats["inference_count"], stats["execution_count"]) == (9, 2)
    assert stats["inference_stats"]["success"]["count"] == 6


def test_predict_and_infer_serve_the_same_model_side_by_side(door: Door) -> None:
    row = post_json(b'{"features":[5.1,3.5,1.4,0.2]}')
    infer = Request({"X": np.array([[5.1, 3.5, 1.4, 0.2]])}, parameters={"binary_data_output": True}).post("iris")
    client = door.connect().send((row + infer) * 20)
    answers = [client.read() for _ in range(40)]
    client.close()
    assert {orjson.loads(answer.body)["prediction"] for answer in answers[::2]} == {"setosa"}
    assert {read(answer)[1]["label"][0] for answer in answers[1::2]} == {"setosa"}


def test_a_body_that_comes_byte_by_byte(door: Door) -> None:
    request = Request(INPUTS["words"]).post("words")
    client = door.connect()
    for at in range(len(request)):
        client.send(request[at : at + 1])
    same(read(client.read())[1], alone("words", INPUTS["words"]))
    client.close()


def test_a_timeout_shortens_the_deadline(made: dict[str, Made], tmp_path: Any) -> None:
    for name in DOORS:
        with open_door(name, tmp_path, {"halves": made["halves"]}, MAX_WAIT_MS="300") as door:
            late = door.ask(Request(INPUTS["halves"], parameters={"timeout": 1000}).post("halves"))
            assert (late.status, orjson.loads(late.body)["code"]) == (504, "deadline_exceeded")
            assert door.ask(Request(INPUTS["halves"], parameters={"timeout": 10**7}).post("halves")).status == 200


def test_a_failing_request_leaves_its_neighbours_alone(door: Door) -> None:
    good, bad = ({"X": np.array([[at]])} for at in (3, 1_000_000))
    posts = [Request(inputs).post("lookup") for inputs in (good, bad, good)]
    client = door.connect().send(b"".join(posts))
    answers = [client.read() for _ in range(3)]
    client.close()
    assert [answer.status for answer in answers] == [200, 500, 200]
    assert orjson.loads(answers[1].body)["code"] == "model_error"
    same(read(answers[2])[1], alone("lookup", good))


RIGHT = {
    "binary": Request(INPUTS["types"], parameters={"binary_data_output": True}).post("types"),
    "json": Request(INPUTS["types"], binary=False).post("types"),
    "an octet stream": Request(INPUTS["pair"]).post(PAIR, b"Content-Type: application/octet-stream"),
    "a request id": Request(INPUTS["pair"]).post(PAIR, b"X-Request-ID: abc-1"),
    "an expectation": Request(INPUTS["pair"], binary=False).post("nobody", b"Expect: 100-continue"),
    "closing": Request(INPUTS["pair"]).post(PAIR, b"Connection: close"),
    "closing what is binary": Request(INPUTS["words"], parameters={"binary_data_output": True}).post(
        "words", b"Connection: close"
    ),
    "compressed": Request(INPUTS["words"]).post("words", b"Accept-Encoding: gzip"),
    "a version": Request(INPUTS["words"]).post("words", version="1"),
    "a query": Request(INPUTS["words"]).post("words").replace(b"/infer ", b"/infer?x=1 "),
    "server": get("/v2"),
    "metadata": get("/v2/models/types"),
    "metadata of a version": get("/v2/models/types/versions/1"),
    "ready": get("/v2/models/types/ready"),
    "ready version": get("/v2/models/types/versions/1/ready"),
    "config": get("/v2/models/types/config"),
    "config of a version": get("/v2/models/types/versions/1/config"),
}


@pytest.mark.parametrize("what", RIGHT)
def test_both_doors_answer_the_same_bytes(both: tuple[Door, Door], what: str) -> None:
    first, second = (each.ask(RIGHT[what]) for each in both)
    assert first.masked == second.masked
    assert first.status == (404 if what == "an expectation" else 200)


@pytest.mark.parametrize("name", DOORS)
def test_server_timing_when_asked(name: str, made: dict[str, Made], tmp_path: Any) -> None:
    with open_door(name, tmp_path, {"pair": made["pair"]}, SERVER_TIMING="1") as door:
        timing = door.ask(Request(INPUTS["pair"]).post(PAIR)).headers["server-timing"]
    assert [part.split(";")[0] for part in timing.split(", ")] == ["parse", "queue", "run", "encode", "batch"]


@pytest.mark.parametrize("name", DOORS)
def test_keys_guard_tensors_too(name: str, made: dict[str, Made], tmp_path: Any) -> None:
    key = "k" * 32
    with open_door(name, tmp_path, {"pair": made["pair"]}, API_KEYS=key) as door:
        request = Request(INPUTS["pair"])
        assert door.ask(request.post(PAIR)).status == 401
        assert door.ask(get("/v2/models/pair")).status == 401
        assert door.ask(request.post(PAIR, b"Authorization: Bearer " + key.encode())).status == 200


def test_a_head_of_tensors_teaches_predict_nothing(door: Door) -> None:
    """Door two remembers lines that have passed: a media type that v2 takes must not pass for /predict."""
    line = b"Content-Type: application/octet-stream"
    client = door.connect()
    for _ in range(3):
        assert client.send(Request(INPUTS["pair"]).post(PAIR, line)).read().status == 200
        request = post_json(b'{"features":[5.1,3.5,1.4,0.2]}').replace(b"Content-Type: application/json", line)
        assert client.send(request).read().status == 415
    client.close()


SHARED = {"name": "A", "shape": [1, 2], "datatype": "FP32", "parameters": {"shared_memory_region": "r"}}
OTHERS: dict[str, tuple[bytes, int, str]] = {
    "too many rows": (Request({"X": np.zeros((51, 3), np.float16)}).post("halves"), 413, "too_many_rows"),
    "a zip bomb": (post(PAIR, gzip.compress(b" " * 10_000_000, 9)[:5000], b"Content-Encoding: gzip"), 413, "body_too"),
    "a deflated bomb": (post(PAIR, zlib.compress(b" " * 1_000_000), b"Content-Encoding: deflate"), 413, "body_too"),
    "a body too large": (post(PAIR, b" " * 6000), 413, "body_too_large"),
    "brotli": (post(PAIR, b"", b"Content-Encoding: br"), 415, "unsupported_media_type"),
    "twice compressed": (post(PAIR, b"", b"Content-Encoding: gzip, gzip"), 415, "unsupported_media_type"),
    "an unknown model": (post("nobody", b"{}"), 404, "not_found"),
    "an unknown version": (post(PAIR, b"{}", version="7"), 404, "not_found"),
    "shared memory in": (
        post(PAIR, orjson.dumps({"inputs": [SHARED]})),
        501,
        "unsupported",
    ),
    "shared memory out": (
        Request(INPUTS["pair"], outputs=[{"name": "total", "parameters": {"shared_memory_region": "r"}}]).post(PAIR),
        501,
        "unsupported",
    ),
    "trace settings": (get("/v2/trace/setting"), 501, "unsupported"),
    "trace settings of a model": (get("/v2/models/pair/trace/setting"), 501, "unsupported"),
    "log settings": (get("/v2/logging"), 501, "unsupported"),
    "shared memory": (get("/v2/systemsharedmemory/status"), 501, "unsupported"),
    "shared memory of a card": (get("/v2/cudasharedmemory/region/r/status"), 501, "unsupported"),
    "an unknown model's metadata": (get("/v2/models/nobody"), 404, "not_found"),
    "an unknown model's readiness": (get("/v2/models/nobody/ready"), 404, "not_found"),
    "an unknown model's statistics": (get("/v2/models/nobody/stats"), 404, "not_found"),
    "an unknown route": (get("/v2/nowhere"), 404, "not_found"),
    "a GET": (get("/v2/models/pair/infer"), 405, "method_not_allowed"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_refusals_by_both_doors_alike(both: tuple[Door, Door], what: str) -> None:
    request, status, code = OTHERS[what]
    first, second = (each.ask(request) for each in both)
    assert first.masked == second.masked
    envelope = orjson.loads(second.body)
    assert set(envelope) == {"error", "code", "request_id"}
    assert second.status == status
    assert envelope["code"].startswith(code)
