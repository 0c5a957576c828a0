"""Owns the meeting with a server that runs elsewhere: is it there, is it right. Knows nothing of load."""

from __future__ import annotations

import time

from bench.baselines.systems import Running, System, shown
from bench.errors import BenchError
from bench.load.answers import fault
from bench.load.cases import Case
from bench.load.client import Address, BrokenAnswer, Connection

NAME = "dynonnx"


def check_leave(url: str, *, owned: bool) -> None:
    """Raises BenchError for what is no URL, and for a host that is not this machine where nobody said whose it is."""
    try:
        target = Address.parse(url)
    except ValueError as error:
        raise BenchError(str(error)) from None
    if target.host not in ("127.0.0.1", "localhost", "::1") and not owned:
        raise BenchError(f"{target.host} is not this machine; if it is yours, say --i-own-this-host")


def meet(url: str, golden: Case, key: str, *, owned: bool) -> Running:
    """The server at ``url``, found right. Raises BenchError where it is not, or where nobody said whose it is."""
    check_leave(url, owned=owned)
    target = Address.parse(url)
    headers = (("Authorization", f"Bearer {key}"),) if key else ()
    began = time.monotonic()
    try:
        with Connection(target) as connection:
            answer = connection.exchange(target.request("POST", golden.path, golden.body, headers))
    except (OSError, BrokenAnswer) as error:
        raise BenchError(f"{url} does not answer: {error}") from None
    wrong = fault(golden.expected, answer.status, answer.body)
    if wrong is not None:
        raise BenchError(f"{url} answers {shown(golden.body)} with {shown(answer.body)}: {wrong}")
    return Running(System(NAME, ()), None, url, time.monotonic() - began)
