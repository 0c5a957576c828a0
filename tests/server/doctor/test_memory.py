"""Whether workers and what they hold fit a dyno, and what makes them fit."""

from __future__ import annotations

import pytest

from server.artefact.footprint import Footprint
from server.doctor.memory import find_in_memory
from server.settings import Settings

GB = 1 << 30


def remedy(settings: Settings, size: str = "basic", opening: int = 1 << 20) -> str:
    (finding,) = find_in_memory(settings, size, Footprint(opening, opening), lambda name, value: f"{name}={value}")
    return finding.remedy


@pytest.mark.parametrize(
    ("settings", "mend"),
    [
        (Settings(workers=9), "WEB_CONCURRENCY=5"),
        (Settings(cache_bytes=GB), "DYNONNX_CACHE_BYTES="),
        (Settings(inflight_bytes=GB), "DYNONNX_INFLIGHT_BYTES="),
        (Settings(max_body_bytes=GB // 4), "DYNONNX_MAX_BODY_BYTES="),
    ],
)
def test_what_is_too_much_is_what_is_mended(settings: Settings, mend: str) -> None:
    assert remedy(settings) == mend


def test_models_ask_for_a_larger_dyno_until_there_is_none() -> None:
    larger = 'heroku ps:type web=performance-m, then make doctor ARGS="--dyno performance-m"'
    assert remedy(Settings(), opening=2 * GB) == larger
    assert "serve fewer" in remedy(Settings(), opening=200 * GB)
