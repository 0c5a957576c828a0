"""What a file takes of a dyno."""

from __future__ import annotations

from convert.cli.dyno import DYNOS, MIB, SERVER_BYTES, memory_line, smallest_dyno
from server.doctor.memory import SIZES


def test_the_smallest_that_it_fits_is_named() -> None:
    assert smallest_dyno(0) == "basic"
    assert smallest_dyno(512 * MIB - SERVER_BYTES) == "basic"
    assert smallest_dyno(512 * MIB - SERVER_BYTES + 1) == "standard-2x"
    assert smallest_dyno(1 << 40) == ""
    assert memory_line(198 * MIB, 452 * MIB) == (
        "memory: 198 MB while served, 452 MB while it is opened; fits a standard-2x dyno"
    )


def test_sizes_are_those_that_the_server_knows() -> None:
    assert {name: size * MIB for name, size in DYNOS.items()}.items() <= {
        name: size.memory_bytes for name, size in SIZES.items()
    }.items()
    assert {size.memory_bytes for size in SIZES.values()} == {size * MIB for size in DYNOS.values()}
