"""What a file takes of a dyno."""

from __future__ import annotations

from convert.cli.dyno import SERVER_BYTES, SMALLEST_FIRST, memory_line, smallest_dyno
from server.artefact.footprint import DYNO_BYTES, MIB


def test_the_smallest_that_it_fits_is_named() -> None:
    assert smallest_dyno(0) == "basic"
    assert smallest_dyno(512 * MIB - SERVER_BYTES) == "basic"
    assert smallest_dyno(512 * MIB - SERVER_BYTES + 1) == "standard-2x"
    assert smallest_dyno(1 << 40) == ""
    assert memory_line(198 * MIB, 452 * MIB) == (
        "memory: 198 MB while served, 452 MB while it is opened; fits a standard-2x dyno"
    )


def test_each_size_is_named_once_and_the_cheaper_first() -> None:
    sizes = [DYNO_BYTES[name] for name in SMALLEST_FIRST]
    assert sizes == sorted(set(DYNO_BYTES.values()))
