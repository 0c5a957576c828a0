"""Batch sizes from a server's metrics: totals over models, nothing where nothing is said."""

from __future__ import annotations

from bench.turns.bench import batch_rows, read_metrics

TEXT = b"""# TYPE nv_inference_count counter
nv_inference_count{model="iris",version="1"} 120
nv_inference_count{model="churn",version="1"} 30
nv_inference_exec_count{model="iris",version="1"} 20
nv_inference_exec_count{model="churn",version="1"} 5
"""


def test_totals_are_over_all_models() -> None:
    assert read_metrics(TEXT) == (150.0, 25.0)
    assert read_metrics(b"up 1\n") is None
    assert read_metrics(b"# TYPE nv_inference_exec_count counter\n") == (0.0, 0.0), "nobody has asked yet"


def test_the_mean_is_of_what_ran_in_between() -> None:
    assert batch_rows((50.0, 10.0), (150.0, 25.0)) == 100 / 15
    assert batch_rows((50.0, 10.0), (50.0, 10.0)) is None
    assert batch_rows(None, (50.0, 10.0)) is None
