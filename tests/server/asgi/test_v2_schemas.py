"""The OpenAPI document says of v2 what its answers are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.server.doors import Door, get, open_door
from tests.support.server.tensors import INPUTS, SERVED
from tests.support.server.v2 import Request, post

KINDS: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
MODEL, VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
READS = ["/v2", "/v2/models/stats"] + [
    path + end for path in (MODEL, VERSION) for end in ("", "/ready", "/config", "/stats")
]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = {name: SERVED[name]() for name in ("iris", "types", "fixed")}
    with open_door("two", tmp_path_factory.mktemp("m"), made) as opened:
        for name in made:
            opened.ask(Request(INPUTS[name]).post(name))
        yield opened


@pytest.fixture(scope="module")
def paths(door: Door) -> Any:
    return orjson.loads(door.ask(get("/openapi.json")).body)["paths"]


def misfits(value: Any, schema: Any, where: str = "") -> list[str]:
    """Where a value is not what a schema says, of the words that ours use; every key must be named there."""
    misfitting = []
    if "const" in schema and value != schema["const"]:
        misfitting.append(f"{where}: {value!r}")
    if "type" in schema and type(value) is not KINDS[schema["type"]]:
        return [f"{where}: {value!r}"]
    if "enum" in schema and value not in schema["enum"]:
        misfitting.append(f"{where}: {value!r}")
    if value.__class__ is int and value < schema.get("minimum", value):
        misfitting.append(f"{where}: {value!r}")
    if isinstance(value, list):
        return misfitting + [place for item in value for place in misfits(item, schema.get("items", {}), f"{where}[]")]
    if isinstance(value, dict) and "properties" in schema:
        misfitting += [f"{where}: no {key}" for key in schema["required"] if key not in value]
        misfitting += [f"{where}: {key}" for key in value if key not in schema["properties"]]
        for key in value.keys() & schema["properties"].keys():
            misfitting += misfits(value[key], schema["properties"][key], f"{where}.{key}")
    return misfitting


def schema_of(operation: Any) -> Any:
    return operation["responses"]["200"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("name", ["iris", "types", "fixed"])
def test_what_is_read_is_what_the_document_says(door: Door, paths: Any, path: str, name: str) -> None:
    answer = door.ask(get(path.replace("{name}", name).replace("{version}", "1")))
    assert answer.status == 200
    assert misfits(orjson.loads(answer.body), schema_of(paths[path]["get"])) == []


@pytest.mark.parametrize("path", [MODEL, VERSION])
@pytest.mark.parametrize("name", ["iris", "types", "fixed"])
def test_what_is_inferred_is_what_the_document_says(door: Door, paths: Any, path: str, name: str) -> None:
    operation = paths[f"{path}/infer"]["post"]
    request, _ = Request(INPUTS[name], binary=False, request_id="7").parts()
    wanted = operation["requestBody"]["content"]["application/json"]["schema"]
    assert misfits(orjson.loads(request), wanted) == []
    assert misfits(orjson.loads(door.ask(post(name, request)).body), schema_of(operation)) == []
    assert set(operation["responses"]) >= {"200", "400", "404", "413", "415", "500", "501", "503", "504"}
    assert "422" not in operation["responses"]


def test_the_check_notices() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 0}}}
    assert misfits({"a": 1}, schema) == []
    wrongs: list[Any] = [{}, {"a": -1}, {"a": "1"}, {"a": True}, {"a": 1, "b": 2}, []]
    assert all(misfits(wrong, schema) for wrong in wrongs)
