"""Owns what a server's own /metrics says of its batches. Knows nothing of load."""

from __future__ import annotations

import re

from bench.load.client import Address, BrokenAnswer, Connection

_LINE = re.compile(rb"^(nv_inference_count|nv_inference_exec_count)(?:\{[^}]*\})? ([0-9.e+]+)", re.MULTILINE)


def runs(url: str) -> tuple[float, float] | None:
    """Rows predicted and runs of the model since the start, over all models; None where the server does not tell."""
    target = Address.parse(url)
    try:
        with Connection(target, timeout_s=5.0) as connection:
            answer = connection.exchange(target.request("GET", "/metrics"))
    except (OSError, BrokenAnswer):
        return None
    return read(answer.body) if answer.status == 200 else None


def read(text: bytes) -> tuple[float, float] | None:
    """The two totals in a Prometheus text; None where either is missing."""
    totals: dict[bytes, float] = {}
    for name, value in _LINE.findall(text):
        totals[name] = totals.get(name, 0.0) + float(value)
    if len(totals) < 2:
        return None
    return totals[b"nv_inference_count"], totals[b"nv_inference_exec_count"]


def batch_rows(before: tuple[float, float] | None, after: tuple[float, float] | None) -> float | None:
    """Mean rows of a run between two looks; None where either is missing or nothing ran."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])
