"""Triton's own clients, unchanged, against a real server: each of their calls, every tensor as ONNX Runtime has it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.http as sync_client
import tritonclient.http.aio as aio_client
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.support.integration.originals import EXAMPLES, Original, more_rows
from tests.support.integration.running import ROOT, Running, running
from tests.support.server import models as made
from tests.support.server import tensors

ROWS = 20
PLAIN: dict[str, Callable[[], made.Made]] = {
    "pair": made.plain_two_inputs,
    "words": tensors.words,
    "halves": tensors.halves,
}
Feeds = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four examples and three plain files."""
    folder = tmp_path_factory.mktemp("models")
    for name in EXAMPLES:
        shutil.copytree(models / name, folder / name)
    for name, make in PLAIN.items():
        (folder / f"{name}.onnx").write_bytes(make().data)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = {"DYNONNX_MODELS": str(folder), "WEB_CONCURRENCY": "2"}
    with running(settings, tmp_path_factory.mktemp("log") / "server.log") as started:
        yield started


@pytest.fixture(scope="module")
def sessions(folder: Path) -> dict[str, Any]:
    """Every file in ONNX Runtime by itself."""
    paths = {path.parent.parent.name: path for path in folder.glob("*/*/model.onnx")}
    paths |= {path.stem: path for path in folder.glob("*.onnx")}
    return {
        name: onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in paths.items()
    }


@pytest.fixture(scope="module")
def feeds(originals: dict[str, Original], sessions: dict[str, Any]) -> Feeds:
    """Inputs for every model: for the examples rows of the tables they learnt from, and some they did not see."""
    random = np.random.default_rng(5)
    feeds: Feeds = {name: feed_of(sessions[name], more_rows(original, ROWS, 3)) for name, original in originals.items()}
    feeds["pair"] = {name: random.normal(size=(ROWS, 2)).astype(np.float32) for name in "AB"}
    feeds["words"] = {"W": random.choice(np.array(["yes", "no", "", "Łódź"], np.object_), (ROWS, 2))}
    feeds["halves"] = {"X": random.normal(size=(ROWS, 3)).astype(np.float16)}
    return feeds


def feed_of(session: Any, table: Any) -> dict[str, Any]:
    """A table as the graph takes it: one matrix, or an input ``[rows, 1]`` per column."""
    nodes = session.get_inputs()
    if len(nodes) == 1:
        return {nodes[0].name: np.ascontiguousarray(table.to_numpy(np.float64))}
    dtypes = {"tensor(double)": np.float64, "tensor(string)": np.object_}
    return {node.name: table[[node.name]].to_numpy(dtypes[node.type]) for node in nodes}


NAMES = (*EXAMPLES, *PLAIN)


def expected(session: Any, feed: dict[str, Any]) -> dict[str, Any]:
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def inputs_of(feed: dict[str, Any], binary: bool, kind: Any = sync_client) -> list[Any]:
    inputs = []
    for name, array in feed.items():
        tensor = kind.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        finite = array.dtype.kind != "f" or np.isfinite(array).all()  # JSON has no word for the rest
        inputs.append(tensor.set_data_from_numpy(array, binary_data=bool(binary or not finite)))
    return inputs


def check(result: Any, wanted: dict[str, Any]) -> None:
    assert [output["name"] for output in result.get_response()["outputs"]] == list(wanted)
    for name, array in wanted.items():
        got = result.as_numpy(name)
        assert got.shape == array.shape, name
        if array.dtype == np.object_:
            texts = [value.decode() if isinstance(value, bytes) else value for value in got.reshape(-1)]
            assert texts == array.reshape(-1).tolist(), name
        else:
            assert got.dtype == array.dtype, name
            np.testing.assert_array_equal(got, array, name)


@pytest.fixture
def client(server: Running) -> Iterator[Any]:
    with sync_client.InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=4) as opened:
        yield opened


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("back", [True, False])
def test_infer(client: Any, sessions: Any, feeds: Feeds, name: str, binary: bool, back: bool) -> None:
    wanted = expected(sessions[name], feeds[name])
    outputs = [sync_client.InferRequestedOutput(output, binary_data=back) for output in reversed(wanted)]
    result = client.infer(name, inputs_of(feeds[name], binary), outputs=outputs, request_id="r-1", model_version="1")
    check(result, dict(reversed(wanted.items())))
    assert result.get_response()["id"] == "r-1"
    check(client.infer(name, inputs_of(feeds[name], binary)), wanted)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["gzip", "deflate"])
def test_compressed_infer(client: Any, sessions: Any, feeds: Feeds, name: str, way: str) -> None:
    result = client.infer(
        name,
        inputs_of(feeds[name], True),
        request_compression_algorithm=way,
        response_compression_algorithm=way,
        timeout=10_000_000,
        headers={"X-Own": "1"},
        query_params={"a": "b"},
        parameters={"own": "value"},
    )
    check(result, expected(sessions[name], feeds[name]))


@pytest.mark.parametrize("name", NAMES)
def test_many_at_once_are_batched_and_keep_their_answers(client: Any, sessions: Any, feeds: Feeds, name: str) -> None:
    rows = [{key: array[row : row + 1 + row % 3] for key, array in feeds[name].items()} for row in range(ROWS - 3)]
    waiting = [client.async_infer(name, inputs_of(feed, row % 2 == 0)) for row, feed in enumerate(rows)]
    for feed, call in zip(rows, waiting, strict=True):
        check(call.get_result(), expected(sessions[name], feed))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_client_may_read_of_a_model(client: Any, sessions: Any, name: str) -> None:
    session = sessions[name]
    for version in ("", "1"):
        assert client.is_model_ready(name, version)
        metadata = client.get_model_metadata(name, version)
        assert (metadata["name"], metadata["versions"]) == (name, ["1"])
        for told, node in zip(metadata["inputs"], session.get_inputs(), strict=True):
            assert told["name"] == node.name
            assert told["shape"] == [size if isinstance(size, int) else -1 for size in node.shape]
        assert [told["name"] for told in metadata["outputs"]] == [node.name for node in session.get_outputs()]
        config = client.get_model_config(name, version)
        assert (config["name"], config["max_batch_size"] > 0, "dynamic_batching" in config) == (name, True, True)
        assert [told["dims"] for told in config["input"]] == [told["shape"][1:] for told in metadata["inputs"]]
    stats = client.get_inference_statistics(name)["model_stats"]
    assert [(model["name"], model["version"]) for model in stats] == [(name, "1")]
    of_version = client.get_inference_statistics(name, "1")["model_stats"][0]
    for kind in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit"):
        assert set(of_version["inference_stats"][kind]) == {"count", "ns"}


def test_what_a_client_may_read_of_the_server(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "dynonnx"
    assert {model["name"] for model in client.get_inference_statistics()["model_stats"]} == set(NAMES)
    assert not client.is_model_ready("nobody")
    assert not client.is_model_ready("a/b c")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_trace_settings(),
        lambda client: client.get_trace_settings("iris"),
        lambda client: client.update_trace_settings(settings={"trace_level": "OFF"}),
        lambda client: client.get_log_settings(),
        lambda client: client.update_log_settings({"log_info": False}),
        lambda client: client.get_system_shared_memory_status(),
        lambda client: client.register_system_shared_memory("r", "/r", 8),
        lambda client: client.unregister_system_shared_memory("r"),
        lambda client: client.get_cuda_shared_memory_status(),
        lambda client: client.unregister_cuda_shared_memory(),
    ],
)
def test_what_this_server_has_not_is_said_clearly(client: Any, call: Callable[[Any], Any]) -> None:
    with pytest.raises(InferenceServerException, match="this server has no") as raised:
        call(client)
    assert raised.value.status() == "501"


def test_errors_reach_the_client_as_sentences(client: Any, feeds: Feeds) -> None:
    with pytest.raises(InferenceServerException, match='there is no model "nobody"'):
        client.infer("nobody", inputs_of(feeds["pair"], True))
    with pytest.raises(InferenceServerException, match="missing input 'B'"):
        client.infer("pair", inputs_of(feeds["pair"], True)[:1])
    with pytest.raises(InferenceServerException, match=r"takes the shape \[-1, 2\]"):
        client.infer("pair", inputs_of({name: np.ones((1, 9), np.float32) for name in "AB"}, True))


def test_the_other_client_makes_the_same_calls(server: Running, sessions: Any, feeds: Feeds) -> None:
    """Its library asks for compressed answers with every request, and reads only what `infer` sends compressed."""

    async def calls() -> None:
        async with aio_client.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert (await client.get_server_metadata())["name"] == "dynonnx"
            assert len((await client.get_inference_statistics())["model_stats"]) == len(NAMES)
            for name in NAMES:
                await _ask_about(client, name)
                await _infer(client, name, sessions[name], feeds[name])
            with pytest.raises(InferenceServerException, match="this server has no log settings"):
                await client.get_log_settings()
            with pytest.raises(InferenceServerException, match='there is no model "nobody"'):
                await client.infer("nobody", inputs_of(feeds["pair"], True, aio_client))

    asyncio.run(calls())


async def _ask_about(client: Any, name: str) -> None:
    assert await client.is_model_ready(name)
    assert (await client.get_model_metadata(name))["name"] == name
    assert (await client.get_model_config(name, "1"))["name"] == name
    assert (await client.get_inference_statistics(name))["model_stats"][0]["name"] == name


async def _infer(client: Any, name: str, session: Any, feed: dict[str, Any]) -> None:
    wanted = expected(session, feed)
    check(await client.infer(name, inputs_of(feed, True, aio_client)), wanted)
    outputs = [aio_client.InferRequestedOutput(output, binary_data=False) for output in wanted]
    check(await client.infer(name, inputs_of(feed, False, aio_client), outputs=outputs), wanted)
    packed = {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
    check(await client.infer(name, inputs_of(feed, True, aio_client), **packed), wanted)
    several = [client.infer(name, inputs_of(feed, at % 2 == 0, aio_client), request_id=str(at)) for at in range(16)]
    for result in await asyncio.gather(*several):
        check(result, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_client(server: Running, name: str) -> None:
    command = [sys.executable, "examples/clients/v2.py", "--url", f"127.0.0.1:{server.port}", "--model", name]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout.startswith(f"{name}, versions 1\n  input ")
    assert " = [" in ran.stdout
