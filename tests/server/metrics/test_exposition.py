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
    assert ("dynonnx_errors_total", (("code", "overloaded"),)) not in scraped


def test_every_family_has_help_and_type() -> None:
    scoreboard, block = made()
    ModelMetrics(scoreboard, 1, block).batch(1, 0.1, "turn")
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
    assert len(pieces) > 10
    assert value(scoreboard, "nv_inference_count", model="m299", version="1") == 300


def test_all_numbers_are_of_the_first_moment() -> None:
    scoreboard, block = made()
    metrics = ModelMetrics(scoreboard, 0, block)
    metrics.batch(5, 0.1, "turn")
    pieces = exposition_pieces(scoreboard, 1)
    text = next(pieces)
    metrics.batch(7, 0.1, "turn")
    text += b"".join(pieces)
    assert b'nv_inference_count{model="iris",version="1"} 5.0' in text
    assert b'dynonnx_batch_rows_count{model="iris",version="1"} 1.0' in text


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 60)), max_size=20))
def test_histograms_are_cumulative_and_end_at_their_count(runs: list[tuple[int, float]]) -> None:
    scoreboard, block = made(1)
    metrics = ModelMetrics(scoreboard, 0, block)
    for rows, seconds in runs:
        metrics.batch(rows, seconds, "turn")
    scraped = samples(scoreboard)
    if not runs:
        assert "dynonnx_run_seconds_count" not in {name for name, _ in scraped}
        return
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


def test_only_what_has_happened_has_a_series() -> None:
    """A thousand models of which two are asked are the series of two."""
    scoreboard = Scoreboard(2, 1000)
    scoreboard.assign_all([(f"m{number}", "1") for number in range(1000)])
    nothing = samples(scoreboard)
    assert not [labels for _, labels in nothing if "model" in dict(labels)]
    metrics = ModelMetrics(scoreboard, 1, scoreboard.blocks["m7", "1"])
    metrics.batch(3, 0.00002, "turn")
    metrics.written("predict", [0.0], 0.0003)
    ModelMetrics(scoreboard, 1, scoreboard.blocks["m9", "1"]).request("infer", 503, 0.0)
    happened = samples(scoreboard).keys() - nothing.keys()
    assert {dict(labels)["model"] for _, labels in happened} == {"m7", "m9"}
    assert len(happened) < 150
    histograms = {
        (labels["model"], labels["route"], labels["status"])
        for name, of in happened
        if name == "dynonnx_request_seconds_count" and (labels := dict(of))
    }
    assert histograms == {("m7", "predict", "2xx"), ("m9", "infer", "5xx")}


def test_a_request_is_told_by_route_and_class_of_status() -> None:
    scoreboard, block = made()
    metrics = ModelMetrics(scoreboard, 1, block)
    metrics.written("predict", [10.0, 10.0004], 10.0005)
    metrics.request("predict", 422, 0.002)
    ServerMetrics(scoreboard, 1).other_request("operations", 200, 0.04)
    own = {"route": "predict", "status": "2xx", **IRIS}
    assert value(scoreboard, "dynonnx_request_seconds_bucket", le="0.0001", **own) == 1
    assert value(scoreboard, "dynonnx_request_seconds_bucket", le="0.0005", **own) == 2
    assert value(scoreboard, "dynonnx_request_seconds_sum", **own) == pytest.approx(0.0006)
    assert value(scoreboard, "dynonnx_request_seconds_count", **own) == 2
    assert value(scoreboard, "dynonnx_request_seconds_count", **own | {"status": "4xx"}) == 1
    others = {"route": "operations", "status": "2xx"}
    assert value(scoreboard, "dynonnx_other_request_seconds_bucket", le="0.03", **others) == 0
    assert value(scoreboard, "dynonnx_other_request_seconds_bucket", le="0.05", **others) == 1
