"""Owns clients that misbehave, to see what they cost the others. Knows nothing of load or of reports.

``python -m bench.load.badclients URL --seconds N`` keeps a bounded number of them going at one server, in a process of its
own: each does one wrong thing, goes away, and comes again. It refuses any server but one on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

from bench.load.client import Address

CLIENTS = 32  # at a time
_PATIENCE_S = 3.0

Misdeed = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[str]]


async def leaves_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Connects and goes."""
    return "left"


async def leaves_before_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Asks and does not wait."""
    writer.write(_post(b'{"features":[5.1,3.5,1.4,0.2]}'))
    await writer.drain()
    return "left"


async def sends_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Promises more bytes than it sends."""
    writer.write(_post(b'{"features":[5.1', length=4000))
    await writer.drain()
    return await _status(reader)


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Sends its headers byte by byte."""
    for byte in b"POST /predict HTTP/1.1\r\nHost: x\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)
    return await _status(reader)


async def talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Does not speak HTTP."""
    writer.write(b"\x16\x03\x01\x00\xa5 not http at all\r\n\r\n")
    await writer.drain()
    return await _status(reader)


async def sends_bad_json(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Speaks HTTP, but not JSON."""
    writer.write(_post(b'{"features":[5.1,'))
    await writer.drain()
    return await _status(reader)


async def sends_wrong_rows(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Speaks JSON, but sends words where numbers are due."""
    writer.write(_post(b'{"features":["a","b","c","d"]}'))
    await writer.drain()
    return await _status(reader)


def _post(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body


async def _status(reader: asyncio.StreamReader) -> str:
    """The status that the server gave, or how else it ended."""
    line = await reader.readline()
    return line[9:12].decode("latin-1") if line.startswith(b"HTTP/1.1 ") else "closed"


async def misbehave(target: Address, seconds: float) -> Counter[str]:
    """Keep the clients going; how often each misdeed ended in which way."""
    outcomes: Counter[str] = Counter()
    turn = itertools.cycle(MISDEEDS)
    end = asyncio.get_running_loop().time() + seconds

    async def client() -> None:
        while asyncio.get_running_loop().time() < end:
            misdeed = next(turn)
            outcomes[f"{misdeed.__name__}: {await _one(target, misdeed)}"] += 1
            await asyncio.sleep(0.02)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return outcomes


async def _one(target: Address, misdeed: Misdeed) -> str:
    try:
        reader, writer = await asyncio.open_connection(target.host, target.port)
    except OSError:
        return "refused"
    try:
        return await asyncio.wait_for(misdeed(reader, writer), _PATIENCE_S)
    except TimeoutError:
        return f"nothing for {_PATIENCE_S:g} s"
    except ConnectionError:
        return "reset"
    finally:
        writer.close()


MISDEEDS: tuple[Misdeed, ...] = (
    leaves_at_once,
    leaves_before_the_answer,
    sends_half,
    trickles,
    talks_nonsense,
    sends_bad_json,
    sends_wrong_rows,
)


def main() -> int:
    """Reads the command line; prints the outcomes as JSON."""
    parser = argparse.ArgumentParser(description="Clients that misbehave, against a server on this machine.")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    target = Address.parse(given.url)
    if target.host not in ("127.0.0.1", "localhost", "::1"):
        parser.error(f"{target.host} is not this machine")
    json.dump(asyncio.run(misbehave(target, given.seconds)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
