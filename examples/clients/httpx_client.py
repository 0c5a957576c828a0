"""Asks for many predictions at once with httpx; the server makes batches of what arrives together.

``python examples/clients/httpx_client.py --url http://127.0.0.1:8000 --model iris --requests 100``
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter

import httpx

ROW = [6.7, 3.0, 5.2, 2.3]


async def ask(url: str, requests: int) -> Counter[str]:
    """The labels of so many requests, 32 at a time."""
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(limits=limits) as client:
        asked = [client.post(url, json={"features": ROW}) for _ in range(requests)]
        answers = await asyncio.gather(*asked)
    return Counter(answer.raise_for_status().json()["prediction"] for answer in answers)


def main() -> None:
    """Prints how many answers there are of each label."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--model", default="iris")
    parser.add_argument("--requests", type=int, default=100)
    given = parser.parse_args()
    for label, count in asyncio.run(ask(f"{given.url}/models/{given.model}/predict", given.requests)).items():
        print(f"{label} {count}")


if __name__ == "__main__":
    main()
