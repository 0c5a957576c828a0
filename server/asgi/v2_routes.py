"""Owns the v2 protocol's routes of door one. Knows no tensors: thin FastAPI routes over the endpoints."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from server.asgi.openapi import answers, error_responses
from server.asgi.routes import ask, respond
from server.asgi.v2_schemas import CONFIG, METADATA, MODEL_READY, SERVER, STATISTICS, infer
from server.endpoints import v2_reads as v2
from server.endpoints.lifecycle import Endpoints

MODEL = "/v2/models/{name}"
VERSION = "/v2/models/{name}/versions/{version}"
BOTH = ["GET", "POST"]
INFERRING = ("404", "413", "415", "429", "501", "503", "504")
# Extensions of the protocol that this server does not have, by path.
UNSUPPORTED = {
    "/v2/trace/setting": "trace settings",
    "/v2/models/{name}/trace/setting": "trace settings",
    "/v2/logging": "log settings",
    "/v2/{kind}sharedmemory/{rest:path}": "shared memory",
}


def build_v2_router(endpoints: Endpoints) -> APIRouter:
    """Makes the protocol's routes but health, which `routes` has."""
    router = APIRouter(tags=["v2"])
    _add_infer(router, endpoints)
    _add_server(router, endpoints)
    _add_models(router, endpoints)
    _add_versions(router, endpoints)
    for path, what in UNSUPPORTED.items():
        _refuse(router, path, what)
    return router


def _add_infer(router: APIRouter, endpoints: Endpoints) -> None:
    @router.post(f"{MODEL}/infer", summary="Infer with tensors", openapi_extra=infer(error_responses(*INFERRING)))
    async def infer_model(request: Request, name: str) -> Response:
        return await ask(endpoints, request, endpoints.serving.find("v2", name))

    @router.post(
        f"{VERSION}/infer",
        summary="Infer with tensors and one version",
        openapi_extra=infer(error_responses(*INFERRING)),
    )
    async def infer_version(request: Request, name: str, version: str) -> Response:
        return await ask(endpoints, request, endpoints.serving.find("v2", name, version))


def _add_server(router: APIRouter, endpoints: Endpoints) -> None:
    @router.get("/v2", summary="This server and its extensions", responses=answers(SERVER))
    async def server() -> Response:
        return respond(v2.server_metadata(endpoints))

    @router.get("/v2/models/stats", summary="What was done for all models", responses=answers(STATISTICS))
    async def statistics() -> Response:
        return respond(await v2.model_statistics(endpoints))


def _add_models(router: APIRouter, endpoints: Endpoints) -> None:
    @router.get(MODEL, summary="Inputs and outputs of a model", responses=answers(METADATA, "404", "503"))
    async def metadata(name: str) -> Response:
        return respond(v2.model_metadata(endpoints, name))

    @router.get(f"{MODEL}/ready", summary="A model serves", responses=answers(MODEL_READY, "404", "503"))
    async def ready(name: str) -> Response:
        return respond(v2.model_ready(endpoints, name))

    @router.get(f"{MODEL}/config", summary="Configuration of a model", responses=answers(CONFIG, "404", "503"))
    async def config(name: str) -> Response:
        return respond(v2.model_config(endpoints, name))

    @router.get(f"{MODEL}/stats", summary="What was done for a model", responses=answers(STATISTICS, "404", "503"))
    async def model_statistics(name: str) -> Response:
        return respond(await v2.model_statistics(endpoints, name))


def _add_versions(router: APIRouter, endpoints: Endpoints) -> None:
    @router.get(VERSION, summary="Inputs and outputs of a version", responses=answers(METADATA, "404", "503"))
    async def metadata_of_version(name: str, version: str) -> Response:
        return respond(v2.model_metadata(endpoints, name, version))

    @router.get(f"{VERSION}/ready", summary="A version serves", responses=answers(MODEL_READY, "404", "503"))
    async def version_ready(name: str, version: str) -> Response:
        return respond(v2.model_ready(endpoints, name, version))

    @router.get(f"{VERSION}/config", summary="Configuration of a version", responses=answers(CONFIG, "404", "503"))
    async def version_config(name: str, version: str) -> Response:
        return respond(v2.model_config(endpoints, name, version))

    @router.get(f"{VERSION}/stats", summary="What was done for a version", responses=answers(STATISTICS, "404", "503"))
    async def version_statistics(name: str, version: str) -> Response:
        return respond(await v2.model_statistics(endpoints, name, version))


def _refuse(router: APIRouter, path: str, what: str) -> None:
    @router.api_route(path, methods=BOTH, include_in_schema=False)
    async def refuse() -> Response:
        raise v2.unsupported(what)
