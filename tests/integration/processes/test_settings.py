"""A start that cannot succeed ends at once, in one line that names the setting; a start that can says what it does."""

from __future__ import annotations

import dataclasses
import resource
import socket
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from server.settings import Settings, environment_name
from tests.integration.conftest import Start
from tests.support.integration.running import SERVER, free_port, run_to_end

SOON_SECONDS = 6.0  # of the processor, of which a busy machine takes several times the usual 0.7
SECRET = "open-sesame-0123456789"  # noqa: S105 - of this test alone


def run(settings: Mapping[str, str], *arguments: str) -> tuple[int, str, float]:
    """Exit status, all that was written, seconds of processor time: those of the clock are longer on a shared box."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, written = run_to_end(settings, (*SERVER, *arguments))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return status, written, spent


def check_refused(settings: Mapping[str, str], name: str) -> str:
    """The one line, which names the setting; it came soon, with a status that is not 0."""
    status, written, seconds = run(settings)
    assert status != 0
    assert written.count("\n") == 1, written
    assert name in written
    assert seconds < SOON_SECONDS
    return written


@pytest.mark.fault(46)
def test_a_port_in_use(models: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert port in check_refused({"PORT": port, "DYNONNX_MODELS": str(models)}, "PORT")


@pytest.mark.fault(46)
@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("DYNONNX_MAX_BODY_BYTES", "16MB"), ("DYNONNX_API_KEY", SECRET)],
)
def test_a_bad_value_or_an_unknown_name(name: str, value: str) -> None:
    """One of each kind; every other value is one of tests/server/test_settings.py."""
    assert SECRET not in check_refused({name: value}, name)


def test_a_host_that_is_not_ours(models: Path) -> None:
    settings = {"DYNONNX_HOST": "192.0.2.1", "PORT": str(free_port()), "DYNONNX_MODELS": str(models)}
    assert "192.0.2.1" in check_refused(settings, "DYNONNX_HOST")


def test_a_default_model_that_is_not_there(models: Path) -> None:
    settings = {"PORT": str(free_port()), "DYNONNX_MODELS": str(models), "DYNONNX_DEFAULT_MODEL": "tulip"}
    assert "tulip" in check_refused(settings, "DYNONNX_DEFAULT_MODEL")


def test_a_key_that_is_too_short_is_not_shown() -> None:
    assert "hunter2" not in check_refused({"DYNONNX_API_KEYS": f"{SECRET},hunter2"}, "DYNONNX_API_KEYS")


def test_print_config_shows_every_setting_and_no_secret() -> None:
    status, written, seconds = run({"DYNONNX_API_KEYS": SECRET, "DYNONNX_MAX_ROWS": "7"}, "--print-config")
    assert status == 0
    assert SECRET not in written
    said = orjson.loads(written)
    assert set(said["settings"]) == {environment_name(field) for field in dataclasses.fields(Settings)}
    assert said["settings"]["DYNONNX_MAX_ROWS"] == 7
    assert said["plan"]["workers"] >= 1
    assert seconds < SOON_SECONDS


def test_help_lists_every_setting() -> None:
    status, written, _ = run({}, "--help")
    assert status == 0
    assert all(environment_name(field) in written for field in dataclasses.fields(Settings))


def test_an_empty_value_is_as_good_as_none(start: Start) -> None:
    server = start(DYNONNX_HOST="", DYNONNX_API_KEYS="", WEB_CONCURRENCY="1")
    assert server.ask("GET", "/models").status == 200


def test_an_ipv6_host_needs_no_brackets(start: Start) -> None:
    server = start(DYNONNX_HOST="::", WEB_CONCURRENCY="1")
    assert server.ask("GET", "/health", host="::1").status == 200


def test_web_concurrency_of_a_buildpack_does_not_count() -> None:
    asked = {"WEB_CONCURRENCY": "99"}
    assert orjson.loads(run(asked, "--print-config")[1])["plan"]["workers"] == 99
    by_buildpack = {**asked, "WEB_CONCURRENCY_SET_BY": "heroku/python"}
    assert orjson.loads(run(by_buildpack, "--print-config")[1])["plan"]["workers"] < 99
