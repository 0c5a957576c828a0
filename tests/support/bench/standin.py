"""A small real server with known faults, to prove the bench's figures by: right answers, and how it gives them.

``python tests/support/bench/standin.py CASES --port N [--delay-ms 20] [--stall-s 1 --stall-every-s 10] [--wrong]
[--wrong-after N] [--status N] [--only-path /predict]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import cast

import uvloop

_CLOSERS = b"\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Conversation(asyncio.Protocol):
    """Answers each request whose body it knows, after the delay; one request at a time, as a keep-alive client asks."""

    def __init__(self, answers: Answers, delay_s: float) -> None:
        self._answers = answers
        self._delay_s = delay_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, _, body = self._received.partition(_CLOSERS)
        known = head.startswith(b"POST ") and head.split()[1].startswith(self._answers.path)
        answer = self._answers.to(body) if known else _NOT_FOUND
        if answer is None:
            return
        self._received = b""
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


class Answers:
    """The right answers to the first ``right`` requests, from then on the wrong ones."""

    def __init__(self, first: dict[bytes, bytes], then: dict[bytes, bytes], right: float, path: bytes) -> None:
        self.path = path
        self._first, self._then, self._left = first, then, right

    def to(self, body: bytes) -> bytes | None:
        """None for a body that is not whole, or not known."""
        answer = (self._first if self._left > 0 else self._then).get(body)
        self._left -= answer is not None
        return answer


def read_answers(cases: Path, status: int, *, wrong: bool) -> dict[bytes, bytes]:
    """The whole answer to every body in a cases file."""
    answers = {}
    for case in json.loads(cases.read_text("utf-8")):
        said = case["expected"] | {"model_version": "1"}
        if wrong:
            said["probability"] += 0.001
        body = json.dumps(said if status == 200 else {"error": "no", "code": "overloaded"}).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        answers[case["body"].encode()] = head.encode() + body
    return answers


async def stall(every_s: float, for_s: float) -> None:
    """Hold the whole loop, as a garbage collection or a large request would."""
    while every_s:
        await asyncio.sleep(every_s)
        time.sleep(for_s)  # noqa: ASYNC251 - this is the fault on purpose


async def serve(given: argparse.Namespace) -> None:
    """Serve until killed."""
    right = read_answers(given.cases, given.status, wrong=given.wrong)
    answers = Answers(
        right, read_answers(given.cases, given.status, wrong=True), given.wrong_after, given.only_path.encode()
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(answers, given.delay_ms / 1e3), "127.0.0.1", given.port)
    async with server:
        await asyncio.gather(server.serve_forever(), stall(given.stall_every_s, given.stall_s))


def main() -> None:
    """Reads the faults from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--stall-s", type=float, default=0.0)
    parser.add_argument("--stall-every-s", type=float, default=0.0)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--only-path", default="/")
    parser.add_argument("--wrong-after", type=int, default=1 << 60)
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
