"""The OpenAPI document: a path per model, its real features, examples that its codec takes, answers that fit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.asgi.openapi import ERRORS, document, error_responses
from server.asgi.schemas import OF_DTYPE
from server.errors import CODES
from server.models.folder import VersionFile
from server.models.repository import Model, Repository
from tests.support.models.loading import load_version
from tests.support.server.decoding import decode
from tests.support.server.models import ARTEFACTS, PLAIN, mixed, plain_two_inputs


def load(folder: Path, name: str, version: str, data: bytes) -> Model:
    """One file as a served model."""
    path = folder / f"{name}-{version}.onnx"
    path.write_bytes(data)
    return load_version(VersionFile(name, version, path))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """One of each kind, under its kind's name."""
    folder = tmp_path_factory.mktemp("models")
    made = {**ARTEFACTS, **PLAIN}
    return {kind: load(folder, kind.replace(" ", "-"), "1", make().data) for kind, make in made.items()}


def described(model: Model) -> dict[str, Any]:
    """The predict operation of a model that is served alone."""
    operation = document(Repository([model], {}), {}, keyed=False)["paths"][f"/models/{model.name}/predict"]["post"]
    return dict(operation)


def errors_of(schema: Any, value: Any) -> Iterator[str]:
    """What the parts of JSON Schema that the document uses have against a value."""
    kinds = {
        "object": lambda: type(value) is dict,
        "array": lambda: type(value) is list,
        "string": lambda: type(value) is str,
        "boolean": lambda: type(value) is bool,
        "integer": lambda: type(value) is int,
        "number": lambda: type(value) in (int, float),
        "null": lambda: value is None,
    }
    wanted = schema.get("type", [])
    if wanted and not any(kinds[kind]() for kind in ([wanted] if isinstance(wanted, str) else wanted)):
        yield f"{value!r} is not {wanted}"
        return
    if "enum" in schema and not any(value == option and type(value) is type(option) for option in schema["enum"]):
        yield f"{value!r} is not one of {schema['enum']}"
    if "anyOf" in schema and all(any(errors_of(option, value)) for option in schema["anyOf"]):
        yield f"{value!r} fits none of {schema['anyOf']}"
    if type(value) is dict:
        yield from _errors_of_object(schema, value)
    if type(value) is list:
        yield from _errors_of_array(schema, value)


def _errors_of_object(schema: Any, value: dict[str, Any]) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (f"{name} is missing" for name in schema.get("required", ()) if name not in value)
    for name, item in value.items():
        if name in properties:
            yield from errors_of(properties[name], item)
        elif schema.get("additionalProperties") is False:
            yield f"{name} is too much"


def _errors_of_array(schema: Any, value: list[Any]) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9):
        yield f"{len(value)} items"
    prefix = schema.get("prefixItems", [])
    for item, of_item in zip(value, prefix, strict=False):
        yield from errors_of(of_item, item)
    rest = schema.get("items", {})
    for item in value[len(prefix) :]:
        yield from ("one item too much",) if rest is False else errors_of(rest, item)


KINDS = [*ARTEFACTS, *PLAIN]
LIKELY = ["string labels", "int labels", "float labels", "bool labels", "multi-output classifier"]


def examples(operation: dict[str, Any]) -> list[Any]:
    """The request bodies that the document shows."""
    content = operation["requestBody"]["content"]["application/json"]
    return [example["value"] for example in content.get("examples", {}).values()]


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_examples_fit_the_schema_and_the_codec(models: dict[str, Model], kind: str) -> None:
    operation = described(models[kind])
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    shown = examples(operation)
    assert len(shown) == 3
    codec = models[kind].predict
    assert codec is not None
    for example in shown:
        assert list(errors_of(schema, example)) == []
        decode(codec, orjson.dumps(example))


@pytest.mark.parametrize(("kind", "wanted"), [*((kind, False) for kind in KINDS), *((kind, True) for kind in LIKELY)])
def test_answers_fit_the_schema(models: dict[str, Model], kind: str, wanted: bool) -> None:
    model = models[kind]
    operation = described(model)
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    bodies = examples(operation) or [{"features": [[1] * model.layouts[0].row_items]}]
    for body in bodies:
        answer = answered(model, body | ({"probabilities": True} if wanted else {}))
        assert list(errors_of(schema, answer)) == []
        assert set(answer) <= set(schema["properties"])
        assert set(schema["properties"]) - set(answer) <= {"probabilities"}
        assert ("probabilities" in answer) == wanted


def answered(model: Model, body: Any) -> Any:
    """What the server answers to a body."""
    assert model.predict is not None
    entry = decode(model.predict, orjson.dumps(body))
    group = entry.group
    group.deliver([entry], model.runtime.run(group.outputs, group.feed([entry], None, entry.rows)))
    assert entry.body is not None
    return orjson.loads(entry.body)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_codec_refuses_does_not_fit_the_schema(models: dict[str, Model], kind: str) -> None:
    operation = described(models[kind])
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    width = models[kind].layouts[0].row_items if kind in PLAIN else len(models[kind].artefact.features)  # type: ignore[union-attr]
    wrong: list[Any] = [[], [True] * (width + 1), [[]], None, "x", {"x": 1}, [[None] * width], ["x"] * width]
    for features in wrong:
        assert any(errors_of(schema, {"features": features})), features
    assert any(errors_of(schema, {}))
    assert any(errors_of(schema, {"features": [1] * width, "x": 1}))


def test_features_of_each_dtype(models: dict[str, Model]) -> None:
    schema = described(models["mixed"])["requestBody"]["content"]["application/json"]["schema"]
    row, named, many = schema["properties"]["features"]["anyOf"]
    assert named["properties"] == {
        "city": {"type": "string", "enum": ["Bern", "Oslo", "Rome"]},
        "plan": {"type": ["string", "null"]},
        "age": {"type": ["number", "null"]},
        "visits": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        "member": {"type": "boolean"},
    }
    assert named["required"] == [feature.name for feature in mixed().artefact.features]  # type: ignore[union-attr]
    assert row["prefixItems"] == list(named["properties"].values())
    assert many["items"]["anyOf"] == [row, named]


def test_a_plain_file_of_whole_numbers_says_so(models: dict[str, Model]) -> None:
    schema = described(models["whole numbers"])["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["features"]["anyOf"][0]["prefixItems"] == [OF_DTYPE["int64"]] * 2


def test_one_path_per_model_the_default_first_and_only_the_highest_version(tmp_path: Path) -> None:
    data = mixed().data
    two = load(tmp_path, "two-inputs", "1", plain_two_inputs().data)
    served = [load(tmp_path, "b", "1", data), load(tmp_path, "b", "2", data), load(tmp_path, "a", "1", data), two]
    operations: dict[str, Any] = {"/health": {"get": {}}}
    described = document(Repository(served, {}, "b"), operations, keyed=True)
    assert list(described["paths"]) == ["/predict", "/invocations", "/models/a/predict", "/models/b/predict", "/health"]
    ids = [path["post"]["operationId"] for path in described["paths"].values() if "post" in path]
    assert len(set(ids)) == len(ids)
    assert described["security"] == [{"key": []}]
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert described["paths"]["/health"]["get"]["security"] == []
    without = document(Repository(served, {}), {}, keyed=False)
    assert {"/predict", "/invocations"} & set(without["paths"]) == set()
    assert "security" not in without


def test_no_model_and_a_default_that_did_not_load() -> None:
    assert document(Repository([], {}), {}, keyed=False)["paths"] == {}
    refused = Repository([], {("iris", "1"): "damaged"}, "iris")
    assert document(refused, {}, keyed=False)["paths"] == {}


def test_the_document_is_json(models: dict[str, Model]) -> None:
    repository = Repository(list(models.values()), {})
    described = orjson.loads(orjson.dumps(document(repository, {}, keyed=True)))
    assert described["openapi"] == "3.1.0"
    assert len(described["paths"]) == len(models)


def test_every_operation_says_what_any_request_may_be_answered(models: dict[str, Model]) -> None:
    """Also one that this document knows nothing of; what the framework supposes of its parameters is taken away."""
    supposed = {
        "422": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}}
    }
    text = {"type": "string"}
    parameters = [{"name": name, "in": "path", "required": True, "schema": text} for name in ("name", "other")]
    mine = {
        "/x/{name}/{other}": {"get": {"responses": {"200": {"description": "x"}, **supposed}, "parameters": parameters}}
    }
    repository = Repository([models["mixed"]], {})
    for keyed in (True, False):
        paths = document(repository, copy.deepcopy(mine), keyed=keyed)["paths"]
        assert len(paths) == 4
        for methods in paths.values():
            for operation in methods.values():
                assert {"200", "400", "408", "414", "431", "500"} <= set(operation["responses"])
                assert ("401" in operation["responses"]) == keyed
                assert all("X-Request-ID" in response["headers"] for response in operation["responses"].values())
        assert "422" not in paths["/x/{name}/{other}"]["get"]["responses"]
        named, other = paths["/x/{name}/{other}"]["get"]["parameters"]
        assert (named["schema"]["examples"], other["schema"]) == (["mixed"], text)


def test_csv_is_described_where_json_is(models: dict[str, Model]) -> None:
    for kind, names in (("mixed", "city, plan, age, visits, member"), ("whole numbers", "0, 1")):
        operation = document(Repository([models[kind]], {}), {}, keyed=False)["paths"]["/invocations"]["post"]
        content = operation["requestBody"]["content"]
        assert set(content) == {"application/json", "text/csv"}
        assert names in content["text/csv"]["schema"]["description"]


def test_errors_are_described_once_and_have_every_code() -> None:
    error = document(Repository([], {}), {}, keyed=False)["components"]["schemas"]["Error"]
    assert error["properties"]["code"]["enum"] == list(CODES)
    responses = error_responses(*ERRORS)
    assert list(responses) == list(ERRORS)
    for response in responses.values():
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
