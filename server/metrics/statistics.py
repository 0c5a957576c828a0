"""Owns the statistics of a model version from its block, in Triton's format and in ours. Knows no requests."""

from __future__ import annotations

from time import monotonic, time
from typing import Any

from server.metrics.families import BATCH_ROWS_BUCKETS, COMPUTE_INFER, DISPATCH_REASONS
from server.metrics.scoreboard import BlockTotals

NS_PER_US = 1000
NS_PER_SECOND = 1_000_000_000
STAGES = ("compute_input", "compute_infer", "compute_output")


def statistics(totals: BlockTotals, model: str, version: str) -> dict[str, Any]:
    """Triton's statistics of a version, from the totals of its block. Stages are counted per run, the rest per request.

    Decoding and answering are timed for v2 only. ``batch_size`` is a power of two, and stands for the runs with at most
    so many rows and more than the next smaller size has.
    """
    stages = {stage: _stage(totals, stage) for stage in STAGES}
    ended = totals.last_run
    return {
        "name": model,
        "version": version,
        "last_inference": round((time() - (monotonic() - ended)) * 1000) if ended else 0,
        "inference_count": _count(totals, "nv_inference_count"),
        "execution_count": _count(totals, "nv_inference_exec_count"),
        "inference_stats": _inference_stats(totals)
        | {
            stage: {"count": sum(count for count, _ in sizes), "ns": sum(ns for _, ns in sizes)}
            for stage, sizes in stages.items()
        }
        | {f"cache_{what}": _looked(totals, what) for what in ("hit", "miss")},
        "batch_stats": [
            {"batch_size": rows}
            | {stage: {"count": sizes[at][0], "ns": sizes[at][1]} for stage, sizes in stages.items()}
            for at, rows in enumerate((*BATCH_ROWS_BUCKETS, 2 * BATCH_ROWS_BUCKETS[-1]))
            if stages["compute_infer"][at][0]
        ],
    }


def _inference_stats(totals: BlockTotals) -> dict[str, Any]:
    success = _count(totals, "nv_inference_request_success")
    answered = sum(totals.of("nv_inference_request_duration_us"))
    reading = sum(totals.of("nv_inference_compute_input_duration_us"))
    failed = sum(totals.of("dynonnx_failed_request_seconds_total"))
    return {
        "success": {"count": success, "ns": _ns(answered + reading)},
        "fail": {
            "count": _count(totals, "nv_inference_request_failure"),
            "ns": round(failed * NS_PER_SECOND),
        },
        "queue": {"count": success, "ns": _ns(sum(totals.of("nv_inference_queue_duration_us")))},
    }


def _looked(totals: BlockTotals, what: str) -> dict[str, int]:
    family = {"hit": "nv_cache_num_hits_per_model", "miss": "nv_cache_num_misses_per_model"}[what]
    return {"count": _count(totals, family), "ns": _ns(sum(totals.of(f"nv_cache_{what}_duration_per_model")))}


def _stage(totals: BlockTotals, stage: str) -> list[tuple[int, int]]:
    """The runs and their nanoseconds, by size of the run."""
    runs = totals.of("dynonnx_batch_rows" if stage == "compute_infer" else "dynonnx_tensor_runs_total")
    spent = totals.of(f"nv_inference_{stage}_duration_us")
    return [(int(count), _ns(us)) for count, us in zip(runs[: len(spent)], spent, strict=True)]


def _count(totals: BlockTotals, family: str) -> int:
    return int(sum(totals.of(family)))


def _ns(microseconds: float) -> int:
    return max(0, round(microseconds * NS_PER_US))


def served(totals: BlockTotals) -> dict[str, Any]:
    """Our statistics of a version, from the totals of its block; means in microseconds."""

    def total(family: str) -> float:
        return sum(totals.of(family))

    requests, runs, rows = (
        total("nv_inference_request_success"),
        total("nv_inference_exec_count"),
        total("nv_inference_count"),
    )
    reasons = dict(zip(DISPATCH_REASONS, map(int, totals.of("dynonnx_dispatch_total")), strict=True))
    return {
        "requests": int(requests),
        "rows": int(rows),
        "runs": int(runs),
        "rows_per_run": rows / runs if runs else None,
        "mean_run_us": total(COMPUTE_INFER) / runs if runs else None,
        "mean_queue_us": total("nv_inference_queue_duration_us") / requests if requests else None,
        "dispatched": reasons,
    }
