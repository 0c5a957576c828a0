"""An address that cannot be listened on is told before anything is loaded; the command itself runs in processes."""

from __future__ import annotations

import socket

import pytest

from server.__main__ import MAX_SHOWN, _check_port
from server.settings import BadSetting
from tests.support.integration.running import free_port


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "two..dots", 64 * "x"])
def test_a_host_that_is_not_ours(host: str) -> None:
    with pytest.raises(BadSetting, match=r"^DYNONNX_HOST: ") as refusal:
        _check_port(host, free_port())
    assert host in str(refusal.value)


def test_of_a_host_that_is_none_only_the_beginning_is_shown() -> None:
    with pytest.raises(BadSetting) as refusal:
        _check_port("x" * 10_000, free_port())
    assert len(str(refusal.value)) < 2 * MAX_SHOWN


@pytest.mark.fault(46)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        with pytest.raises(BadSetting, match=rf"^PORT: cannot listen on {host}:{port}: "):
            _check_port(host, port)


def test_a_free_port_of_an_address_with_brackets_is_good() -> None:
    _check_port("[127.0.0.1]", free_port())
