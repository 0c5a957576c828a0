"""Owns clients that misbehave, to see what they cost the others. Knows nothing of load or of reports.

A bounded number of them keeps going at one server: each does one wrong thing, goes away, and comes again.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from bench.load.client import Address

CLIENTS = 32  # at a time
_PATIENCE_S = 3.0


def _post(body: bytes) -> bytes:
    return Address("x", 80).request("POST", "/predict", body)


@dataclass(frozen=True, slots=True)
class Misdeed:
    """What a client sends, whether byte by byte, and whether it waits for the answer."""

    data: bytes = b""
    waits: bool = True
    trickles: bool = False

    async def do(self, address: Address) -> str:
        """The status that the server gave, or how else it ended."""
        try:
            reader, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            return "refused"
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for piece in (bytes([byte]) for byte in self.data) if self.trickles else (self.data,):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.05 if self.trickles else 0)
                if not self.waits:
                    return "left"
                line = await reader.readline()
                return line[9:12].decode("latin-1") if line.startswith(b"HTTP/1.1 ") else "closed"
        except TimeoutError:
            return f"nothing for {_PATIENCE_S:g} s"
        except ConnectionError:
            return "reset"
        finally:
            writer.close()


MISDEEDS: Mapping[str, Misdeed] = {
    "leaves_at_once": Misdeed(waits=False),
    "leaves_before_the_answer": Misdeed(_post(b'{"features":[5.1,3.5,1.4,0.2]}'), waits=False),
    "sends_half": Misdeed(_post(b'{"features":[5.1' + b" " * 4000)[:-4000]),
    "trickles": Misdeed(b"POST /predict HTTP/1.1\r\nHost: x\r\n", trickles=True),
    "talks_nonsense": Misdeed(b"\x16\x03\x01\x00\xa5 not http at all\r\n\r\n"),
    "sends_bad_json": Misdeed(_post(b'{"features":[5.1,')),
    "sends_wrong_rows": Misdeed(_post(b'{"features":["a","b","c","d"]}')),
}


@contextmanager
def misbehaving(url: str) -> Iterator[Counter[str]]:
    """Keep the clients going while the block lasts; how each misdeed ended. Raises BenchError off this machine."""
    address, over, outcomes = Address.parse(url, owned=False), threading.Event(), Counter[str]()
    with ThreadPoolExecutor(1) as pool:
        clients = pool.submit(asyncio.run, _misbehave(address, over, outcomes))
        try:
            yield outcomes
        finally:
            over.set()
        clients.result()


async def _misbehave(address: Address, over: threading.Event, outcomes: Counter[str]) -> None:
    names = itertools.cycle(MISDEEDS)

    async def client() -> None:
        while not over.is_set():
            name = next(names)
            outcomes[f"{name}: {await MISDEEDS[name].do(address)}"] += 1
            await asyncio.sleep(0.02)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
