"""Samples: written piecewise, read whole, several processes joined."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.load.samples import GeneratorLog, Recorder, read


def generator(started: float) -> GeneratorLog:
    return GeneratorLog(started=started, share=0.5, idle=((0.0, 0.0, 0.0), (4.0, 2.0, 1.0)))


def test_what_is_recorded_is_read_in_due_order_with_outcomes_of_all_processes(tmp_path: Path) -> None:
    one, two = Recorder(tmp_path, "1"), Recorder(tmp_path, "2")
    one.record(3.0, 3.1, 3.2, 3.3, "ok", 0.5)
    one.record(1.0, 1.1, 1.2, 1.3, "http 503", math.nan)
    two.record(2.0, 2.1, 2.2, 2.3, "timeout after 1 s", math.nan)
    two.record(4.0, 4.1, 4.2, 4.3, "http 503", math.nan)
    one.close(generator(0.5))
    two.close(generator(0.25))
    samples = read(tmp_path)
    assert samples.due.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert samples.done.tolist() == [1.3, 2.3, 3.3, 4.3]
    assert [samples.outcomes[code] for code in samples.outcome] == ["http 503", "timeout after 1 s", "ok", "http 503"]
    assert np.nan_to_num(samples.server_s, nan=-1).tolist() == [-1, -1, 0.5, -1]
    assert samples.started == 0.25
    assert samples.generators[0].busy_part(1.0, 3.0) == 0.25


def test_many_samples_are_flushed_and_all_are_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "1")
    for at in range(120_000):
        recorder.record(at, at, at, at + 1, "ok", 0.5)
    assert (tmp_path / "1.bin").stat().st_size > 0
    recorder.close(generator(0.0))
    assert read(tmp_path).due.size == 120_000


def test_a_generator_that_did_not_end_well_left_nothing(tmp_path: Path) -> None:
    (tmp_path / "1.bin").touch()
    with pytest.raises(FileNotFoundError, match="no generator"):
        read(tmp_path)
