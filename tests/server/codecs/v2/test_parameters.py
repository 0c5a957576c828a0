"""Parameters: bounded, none of a reserved name, each of its own type."""

from __future__ import annotations

from typing import Any

import pytest

from server.codecs.v2.parameters import MAX_PARAMETERS, parameters_of_request, read_flag, read_timeout
from server.errors import ServerError


def test_a_timeout_is_seconds_and_none_is_none() -> None:
    assert read_timeout({"timeout": 1_500_000}) == 1.5
    assert read_timeout({"timeout": 0}) is None
    assert read_timeout({}) is None
    for timeout in (-1, 1.5, True, "1"):
        with pytest.raises(ServerError, match="timeout: expected a number of microseconds"):
            read_timeout({"timeout": timeout})


def test_a_flag_is_true_or_false() -> None:
    assert read_flag({"a": True}, "a", "here")
    assert not read_flag({}, "a", "here")
    with pytest.raises(ServerError, match="here: a: expected true or false, got 1"):
        read_flag({"a": 1}, "a", "here")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "the request: parameters: expected an object, got an array"),
        ({"triton_x": 1}, "names that begin with 'triton_' are reserved"),
        (dict.fromkeys(map(str, range(MAX_PARAMETERS + 1))), "are more than the 1024 allowed"),
    ],
)
def test_parameters_of_a_request_are_few_and_none_is_reserved(parameters: Any, message: str) -> None:
    with pytest.raises(ServerError, match=message):
        parameters_of_request({"parameters": parameters})
    assert parameters_of_request({}) == {}
