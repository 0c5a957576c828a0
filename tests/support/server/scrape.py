"""A scrape of the scoreboard, read by Prometheus' own parser."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from server.metrics.exposition import exposition
from server.metrics.scoreboard import Scoreboard

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(scoreboard: Scoreboard) -> Samples:
    """Every sample of a scrape, read by the client library's parser, under the name it has in the text.

    The parser calls every counter ``..._total``; Triton's names have no such end.
    """
    text = exposition(scoreboard, 2).decode()
    written = set(re.findall(r"^[a-z_]+", text, re.MULTILINE))
    read: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name if sample.name in written else sample.name.removesuffix("_total")
            key = (name, tuple(sorted(sample.labels.items())))
            assert key not in read, f"{key} is there twice"
            read[key] = sample.value
    return read


def value(scoreboard: Scoreboard, name: str, **labels: str) -> float:
    """One sample of a scrape; 0 for what has not happened, which has none."""
    return samples(scoreboard).get((name, tuple(sorted(labels.items()))), 0.0)


def made(lines: int = 3) -> tuple[Scoreboard, int]:
    """A scoreboard with one model."""
    scoreboard = Scoreboard(lines, 4)
    return scoreboard, scoreboard.assign("iris", "1")


IRIS = {"model": "iris", "version": "1"}
