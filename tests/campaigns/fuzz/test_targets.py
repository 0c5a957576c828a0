"""What is fuzzed takes or refuses its seeds, whole, cut and changed; the long search is `make fuzz`."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.onnxfile import BadFile
from server.codecs.codec import NoRowsCodec
from server.errors import ServerError
from tests.campaigns.fuzz.targets import Target, Wrong, decoding, make_targets

NAMES = (
    "predict", "numbers", "predict-mixed", "invocations", "csv", "infer", "infer-gzip", "onnx", "metadata", "settings",
    "headers", "addresses", "redirects", "archive",
)  # fmt: skip
Change = tuple[int, int, bytes]  # where, how many bytes go, what comes


@pytest.fixture(scope="module")
def targets() -> Mapping[str, Target]:
    try:
        return make_targets()
    except BadFile as error:
        pytest.fail(f"an example model {error}: run `make models` first", pytrace=False)


def test_these_are_all(targets: Mapping[str, Target]) -> None:
    assert tuple(targets) == NAMES


@pytest.mark.parametrize("name", NAMES)
@given(
    st.integers(0, 9), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40), st.binary(max_size=6)), max_size=4)
)
def test_seeds_with_pieces_changed_are_read_or_refused(
    targets: Mapping[str, Target], name: str, seed: int, changes: list[Change]
) -> None:
    target = targets[name]
    data = target.seeds[seed % len(target.seeds)]
    for at, length, piece in changes:
        at %= len(data) + 1
        data = data[:at] + piece + data[at + length :]
    target.run(data)


def test_a_fault_of_ours_is_told() -> None:
    class Broken(NoRowsCodec):
        def decode(self, entry: object, body: bytes | bytearray) -> None:
            raise ServerError("internal", "ours") if body else KeyError("ours")

    run = decoding(Broken(lambda headers: None))
    with pytest.raises(Wrong):
        run(b"x")
    with pytest.raises(KeyError):
        run(b"")
