"""Owns the ``parameters`` of a v2 request, its inputs and its outputs. Knows no tensors."""

from __future__ import annotations

from typing import Any

from server.codecs.refusals import shown
from server.codecs.v2.datatypes import bad
from server.errors import ServerError

MAX_PARAMETERS = 1024  # of a request: their names are looked through
MICROSECONDS = 1e-6
RESERVED = "triton_"


def parameters_of_request(document: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the request itself. Raises ServerError ``bad_request``."""
    parameters = read_parameters(document, "the request")
    if len(parameters) > MAX_PARAMETERS:
        raise bad(f"parameters: {len(parameters)} are more than the {MAX_PARAMETERS} allowed")
    for name in parameters:
        if name.startswith(RESERVED):
            raise bad(f"parameters: names that begin with '{RESERVED}' are reserved, got {shown(name)}")
    return parameters


def read_parameters(given: dict[str, Any], where: str) -> dict[str, Any]:
    """The parameters of a request, an input or an output; empty without. Raises ServerError ``bad_request``."""
    parameters = given.get("parameters", {})
    if type(parameters) is not dict:
        raise bad(f"{where}: parameters: expected an object, got {shown(parameters)}")
    return parameters


def read_flag(parameters: dict[str, Any], name: str, where: str) -> bool:
    """A parameter that is true or false; false without. Raises ServerError ``bad_request``."""
    flag = parameters.get(name, False)
    if type(flag) is not bool:
        raise bad(f"{where}: {name}: expected true or false, got {shown(flag)}")
    return flag


def read_timeout(parameters: dict[str, Any]) -> float | None:
    """The parameter ``timeout``, in seconds; None without. Raises ServerError ``bad_request``."""
    timeout = parameters.get("timeout", 0)
    if type(timeout) is not int or timeout < 0:
        raise bad(f"parameters: timeout: expected a number of microseconds, got {shown(timeout)}")
    return timeout * MICROSECONDS if timeout else None


def no_shared_memory(where: str) -> ServerError:
    """The error of a tensor that is to lie in shared memory."""
    return ServerError("unsupported", f"{where}: this server takes no shared memory; send the values in the body")
