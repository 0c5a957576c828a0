"""Owns clients that misbehave, to see what they cost the others. Knows nothing of load or of reports.

``python -m bench.load.badclients URL --seconds N`` keeps a bounded number of them going at one server, in a process of
its own: each does one wrong thing, goes away, and comes again. It refuses any server but one on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bench.load.client import Address

CLIENTS = 32  # at a time
_PATIENCE_S = 3.0


def _post(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body


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
    "sends_half": Misdeed(_post(b'{"features":[5.1', length=4000)),
    "trickles": Misdeed(b"POST /predict HTTP/1.1\r\nHost: x\r\n", trickles=True),
    "talks_nonsense": Misdeed(b"\x16\x03\x01\x00\xa5 not http at all\r\n\r\n"),
    "sends_bad_json": Misdeed(_post(b'{"features":[5.1,')),
    "sends_wrong_rows": Misdeed(_post(b'{"features":["a","b","c","d"]}')),
}


async def misbehave(address: Address, seconds: float) -> Counter[str]:
    """Keep the clients going; how often each misdeed ended in which way."""
    outcomes: Counter[str] = Counter()
    names = itertools.cycle(MISDEEDS)
    end = asyncio.get_running_loop().time() + seconds

    async def client() -> None:
        while asyncio.get_running_loop().time() < end:
            name = next(names)
            outcomes[f"{name}: {await MISDEEDS[name].do(address)}"] += 1
            await asyncio.sleep(0.02)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return outcomes


def main() -> int:
    """Reads the command line; prints the outcomes as JSON."""
    parser = argparse.ArgumentParser(description="Clients that misbehave, against a server on this machine.")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    address = Address.parse(given.url)
    if not address.is_this_machine:
        parser.error(f"{address.host} is not this machine")
    json.dump(asyncio.run(misbehave(address, given.seconds)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
