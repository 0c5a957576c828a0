"""Owns the comparing of manifests with the schemas of Kubernetes and KServe; run by the Python of build/kubernetes.

Reads objects as JSON, one a line, from standard input; prints what is wrong with each, and nothing where they are good.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import kserve.models
import kubernetes.client.models
import kubernetes_validate
from kubernetes.client import ApiClient

KSERVE = {"ClusterServingRuntime": "V1alpha1ClusterServingRuntime", "InferenceService": "V1beta1InferenceService"}
CORE = ("apps/", "policy/", "autoscaling/")
VERSIONS = ("1.31", "1.37")  # of Kubernetes


class _Response:
    """What the client reads an object from."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.data = json.dumps(manifest)


def faults(manifest: dict[str, Any]) -> list[str]:
    """What a cluster's API would refuse or ignore."""
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if manifest["kind"] in KSERVE:
        return [f"{name}: {fault}" for fault in _by_sdk(manifest)]
    found = []
    if manifest["apiVersion"] == "v1" or manifest["apiVersion"].startswith(CORE):
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{name} on {version}: {error.message}")
    return found


def _by_sdk(manifest: dict[str, Any]) -> list[str]:
    """KServe's models refuse what is missing or of a wrong type; what they do not know is lost on the way back."""
    for model in vars(kserve.models).values():
        if isinstance(model, type):
            types: dict[str, str] = getattr(model, "openapi_types", {})
            for field, written in types.items():  # as this client writes them
                types[field] = written.replace("dict(", "dict[").replace(")", "]")
            setattr(kubernetes.client.models, model.__name__, model)
    client = ApiClient()
    try:
        read = client.deserialize(_Response(manifest), KSERVE[manifest["kind"]])
    except (TypeError, ValueError) as error:
        return [str(error)]
    back = client.sanitize_for_serialization(read)
    return [] if _holds(back, manifest) else [f"lost or changed: {manifest} became {back}"]


def _holds(back: Any, given: Any) -> bool:
    """Whether all that was given is there; defaults may have come to it."""
    if isinstance(given, dict):
        return isinstance(back, dict) and all(name in back and _holds(back[name], given[name]) for name in given)
    if isinstance(given, list):
        return isinstance(back, list) and len(back) == len(given) and all(map(_holds, back, given))
    return bool(back == given)


if __name__ == "__main__":
    for line in sys.stdin:
        for fault in faults(json.loads(line)):
            sys.stdout.write(f"{fault}\n")
