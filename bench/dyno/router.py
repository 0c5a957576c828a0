"""Owns the stand-in router: HTTP/1.1 from callers to dynos, as Heroku's router passes it. Knows nothing of load.

``python -m bench.dyno.router --port N --dynos FILE --counts FILE``. FILE holds the ports of the dynos that are up, one a
line; it is read again on SIGHUP. With no dyno up, requests are held, as Heroku holds them for a starting dyno. What
goes wrong is counted under Heroku's code and answered with 503; the counts are written when the router ends.

Simulated: random choice, pooled keep-alive connections idle for at most 90 s, headers, the time limits, quarantine of a
dyno that does not connect. Not simulated: TLS, HTTP/2, several router nodes, the 1 MB response buffer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.dyno.messages import read_message, with_headers, without_close

_MAX_HEAD = 65536
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Timing:
    """Heroku's limits in seconds; tests shorten them."""

    connect: float = 5.0
    first_byte: float = 30.0
    rolling: float = 55.0
    quarantine: float = 5.0
    hold: float = 75.0
    idle: float = 90.0


class Failed(Exception):
    """A request that ends with one of Heroku's codes instead of an answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Dyno:
    """A port, its idle connections, and until when nobody tries it."""

    port: int
    idle: deque[tuple[Streams, float]] = field(default_factory=deque)
    shunned_until: float = 0.0

    def take(self, longest: float) -> Streams | None:
        """An idle connection that is still open."""
        while self.idle:
            (reader, writer), since = self.idle.pop()
            if time.monotonic() - since < longest and not reader.at_eof():
                return reader, writer
            writer.close()
        return None


class Router:
    """All dynos that are up, and what went wrong so far."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.dynos: dict[int, Dyno] = {}
        self.counts: Counter[str] = Counter()

    def set_ports(self, ports: list[int]) -> None:
        """From now on only these; requests on their way to another finish there."""
        self.dynos = {port: self.dynos.get(port) or Dyno(port) for port in ports}

    async def close(self) -> None:
        """Let go of the idle connections to dynos."""
        for dyno in self.dynos.values():
            for (_, writer), _ in dyno.idle:
                writer.close()
        await asyncio.sleep(0)  # the transports close in the loop's next turn

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One caller's connection: request after request until either side closes."""
        peer = writer.get_extra_info("peername")[0]
        try:
            while (request := await read_message(reader)) is not None:
                await self._answer(with_headers(request, peer), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.counts["H27"] += 1
        finally:
            writer.close()

    async def _answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await self._forward(request))
        except Failed as failed:
            self.counts[failed.code] += 1
            body = json.dumps({"error": f"router: {failed.code}", "code": failed.code}).encode()
            writer.write(_UNAVAILABLE + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async def _forward(self, request: bytes) -> bytes:
        dyno, (reader, writer) = await self._connection()
        try:
            writer.write(request)
            await writer.drain()
            answer = await self._read_answer(reader)
        except BaseException:
            writer.close()
            raise
        if b"\r\nconnection: close" in answer[:_MAX_HEAD].lower().partition(b"\r\n\r\n")[0]:
            writer.close()
        else:
            dyno.idle.append(((reader, writer), time.monotonic()))
        return without_close(answer)

    async def _connection(self) -> tuple[Dyno, Streams]:
        """An open connection to a dyno chosen at random; waits while none is up."""
        deadline = time.monotonic() + self.timing.hold
        while True:
            now = time.monotonic()
            able = [dyno for dyno in self.dynos.values() if dyno.shunned_until <= now]
            if able:
                dyno = random.choice(able)
                streams = dyno.take(self.timing.idle) or await self._connect(dyno)
                if streams is not None:
                    return dyno, streams
            elif now > deadline:
                raise Failed("H99" if self.dynos else "H20")
            else:
                await asyncio.sleep(0.01)

    async def _connect(self, dyno: Dyno) -> Streams | None:
        """None where the dyno refuses or is silent: then it is left alone for a while."""
        try:
            return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", dyno.port), self.timing.connect)
        except TimeoutError:
            self.counts["H19"] += 1
        except OSError:
            self.counts["H21"] += 1
        dyno.shunned_until = time.monotonic() + self.timing.quarantine
        return None

    async def _read_answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            first = await asyncio.wait_for(reader.read(1), self.timing.first_byte)
        except TimeoutError:
            raise Failed("H12") from None
        except ConnectionError:
            raise Failed("H13") from None
        if not first:
            raise Failed("H13")
        try:
            answer = await asyncio.wait_for(read_message(reader, first), self.timing.rolling)
        except TimeoutError:
            raise Failed("H15") from None
        except (ConnectionError, asyncio.IncompleteReadError):
            raise Failed("H18") from None
        return answer or b""


def read_ports(file: Path) -> list[int]:
    """The ports of the dynos that are up."""
    return [int(line) for line in file.read_text("ascii").split()]


async def run(port: int, dynos: Path, timing: Timing) -> Counter[str]:
    """Serve until SIGTERM; what went wrong until then."""
    router, loop, over = Router(timing), asyncio.get_running_loop(), asyncio.Event()

    def reread() -> None:
        router.set_ports(read_ports(dynos))

    reread()
    loop.add_signal_handler(signal.SIGHUP, reread)
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await asyncio.start_server(router.converse, "127.0.0.1", port, limit=_MAX_HEAD)
    await over.wait()
    server.close()
    await router.close()
    return router.counts


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="A stand-in for Heroku's router.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dynos", type=Path, required=True, help="file with the ports of the dynos that are up")
    parser.add_argument("--counts", type=Path, required=True, help="file for what went wrong, by Heroku's codes")
    given = parser.parse_args()
    counts = uvloop.run(run(given.port, given.dynos, Timing()))
    given.counts.write_text(json.dumps(counts), "ascii")


if __name__ == "__main__":
    main()
