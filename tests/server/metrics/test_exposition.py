"""The text of a scrape: every family, every label value, cumulative buckets; read by Prometheus' own parser."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from server import __version__
from server.errors import CODES
from server.metrics.counters import ModelMetrics, ServerMetrics
from server.metrics.exposition import PIECE_SAMPLES, exposition, exposition_pieces
from server.metrics.families import BATCH_ROWS_BUCKETS, MODEL_FAMILIES, SECONDS_BUCKETS
from server.metrics.scoreboard import Scoreboard
from tests.support.server.scrape import IRIS, made, samples, value


def test_an_empty_board_says_who_it_is() -> None:
    scraped = samples(Scoreboard(1, 1))
    assert scraped["dynonnx_build_info", (("version", __version__),)] == 1
    assert scraped["dynonnx_workers", ()] == 2
    assert scraped["dynonnx_errors_total", (("code", "overloaded"),)] == 0


def test_every_family_has_help_and_type() -> None:
    scoreboard, _ = made()
    families = {family.name: family for family in text_string_to_metric_families(exposition(scoreboard, 1).decode())}
    for family in MODEL_FAMILIES:
        name = family.name.removesuffix("_total")  # the parser's own name for a counter
        assert families[name].type == family.kind
        assert families[name].documentation == family.text
    assert exposition(scoreboard, 1).endswith(b"\n")


def test_no_piece_has_more_samples_than_a_turn_of_the_loop_can_afford() -> None:
    scoreboard = Scoreboard(3, 300)
    for number in range(300):
        block = scoreboard.assign(f"m{number}", "1")
        ModelMetrics(scoreboard, 1, block).batch(number + 1, 0.1 * number, "turn")
    pieces = list(exposition_pieces(scoreboard, 1))
    assert b"".join(pieces) == exposition(scoreboard, 1)
    assert max(piece.count(b"\n") for piece in pieces) <= PIECE_SAMPLES
    assert len(pieces) > 20
    assert value(scoreboard, "nv_inference_count", model="m299", version="1") == 300


def test_all_numbers_are_of_the_first_moment() -> None:
    scoreboard, block = made()
    pieces = exposition_pieces(scoreboard, 1)
    text = next(pieces)
    ModelMetrics(scoreboard, 0, block).batch(5, 0.1, "turn")
    text += b"".join(pieces)
    assert b'nv_inference_count{model="iris",version="1"} 0.0' in text
    assert b'dynonnx_batch_rows_count{model="iris",version="1"} 0.0' in text


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 60)), max_size=20))
def test_histograms_are_cumulative_and_end_at_their_count(runs: list[tuple[int, float]]) -> None:
    scoreboard, block = made(1)
    metrics = ModelMetrics(scoreboard, 0, block)
    for rows, seconds in runs:
        metrics.batch(rows, seconds, "turn")
    scraped = samples(scoreboard)
    for at, bound in enumerate(BATCH_ROWS_BUCKETS):
        want = sum(bisect_left(BATCH_ROWS_BUCKETS, rows) <= at for rows, _ in runs)
        assert want == sum(rows <= bound for rows, _ in runs)
        assert scraped["dynonnx_batch_rows_bucket", (("le", str(bound)), *IRIS.items())] == want
    for upper in SECONDS_BUCKETS:
        want = sum(seconds <= upper for _, seconds in runs)
        assert scraped["dynonnx_run_seconds_bucket", (("le", str(upper)), *IRIS.items())] == want
    assert scraped["dynonnx_batch_rows_count", tuple(IRIS.items())] == len(runs)
    assert scraped["dynonnx_batch_rows_sum", tuple(IRIS.items())] == sum(rows for rows, _ in runs)
    assert scraped["dynonnx_run_seconds_bucket", (("le", "+Inf"), *IRIS.items())] == len(runs)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_own_cells(code: str) -> None:
    scoreboard, block = made()
    ServerMetrics(scoreboard, 1).error(code)  # type: ignore[arg-type]  # CODES are those codes
    ModelMetrics(scoreboard, 1, block).failed(code)  # type: ignore[arg-type]
    scraped = samples(scoreboard)
    assert [key for key, count in scraped.items() if key[0] == "dynonnx_errors_total" and count] == [
        ("dynonnx_errors_total", (("code", code),))
    ]
    assert [key for key, count in scraped.items() if key[0] == "nv_inference_request_failure" and count] == [
        ("nv_inference_request_failure", (("model", "iris"), ("reason", code), ("version", "1")))
    ]
