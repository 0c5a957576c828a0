"""Settings: names, defaults, allowed values, and errors that name the setting but never a key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.models.signed import make_check
from server.settings import BadSetting, Settings, environment_name, help_text, public_settings, read_settings

PEM = "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"
KEY, OTHER_KEY = "k" * 16, "0123456789abcdef~"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"PATH": "/bin", "HOME": "/"}) == Settings()


def test_defaults_are_the_promised_ones() -> None:
    settings = Settings()
    assert settings.port == 8000
    assert settings.workers is None
    assert settings.host is None
    assert settings.models == Path("models")
    assert settings.max_body_bytes == 16777216
    assert (settings.max_rows, settings.max_batch_rows, settings.max_wait_ms) == (10000, 1024, 0)
    assert (settings.deadline_ms, settings.queue_ms, settings.ort_threads) == (25000, 1000, 1)
    assert settings.api_keys == ()
    assert not settings.strict


@pytest.mark.parametrize(("name", "value"), [("DYNONNX_FORWARDED", "1"), ("DYNO", "web.1")])
def test_a_router_is_there_where_somebody_says_so(name: str, value: str) -> None:
    assert not read_settings({"DYNONNX_FORWARDED": "0"}).behind_router
    assert read_settings({name: value}).behind_router


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("PORT", "80", "port", 80),
        ("WEB_CONCURRENCY", "3", "workers", 3),
        ("DYNONNX_HOST", "127.0.0.1", "host", "127.0.0.1"),
        ("DYNONNX_MODELS", "/srv/models", "models", Path("/srv/models")),
        ("DYNONNX_DEFAULT_MODEL", "iris", "default_model", "iris"),
        (
            "DYNONNX_MODELS_FROM",
            "https://a/b.onnx#x \n s3://c/d#y ",
            "models_from",
            ("https://a/b.onnx#x", "s3://c/d#y"),
        ),
        ("DYNONNX_STRICT", "1", "strict", True),
        ("DYNONNX_STRICT", "0", "strict", False),
        ("DYNONNX_API_KEYS", f"{KEY}, {OTHER_KEY}", "api_keys", (KEY, OTHER_KEY)),
        ("DYNONNX_ADMIN_KEYS", KEY, "admin_keys", (KEY,)),
        ("DYNONNX_VERIFY_KEY", "keys/public.pem", "verify_key", "keys/public.pem"),
        ("DYNONNX_VERIFY_KEY", PEM, "verify_key", PEM),
        ("DYNONNX_MAX_WAIT_MS", "0", "max_wait_ms", 0),
        ("DYNONNX_CORS_ORIGINS", "https://a.example, *", "cors_origins", ("https://a.example", "*")),
        ("DYNONNX_CACHE_BYTES", "67108864", "cache_bytes", 67_108_864),
        (
            "DYNONNX_CACHE_MODELS",
            "iris=on, a.b=off,c=d=on",
            "cache_models",
            (("iris", True), ("a.b", False), ("c=d", True)),
        ),
        ("DYNONNX_LOG_LEVEL", "debug", "log_level", "debug"),
        ("DYNONNX_LOG_FORMAT", "json", "log_format", "json"),
        ("DYNONNX_PORT_", "", "port", 8000),
    ],
)
def test_a_setting_is_read(name: str, text: str, field: str, value: object) -> None:
    environment = {name: text} if name != "DYNONNX_PORT_" else {"PORT": text}
    assert getattr(read_settings(environment), field) == value


@pytest.mark.fault(46)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DYNONNX_CACHE_BYTES", "-1"),
        ("DYNONNX_CACHE_MODELS", "iris"),
        ("DYNONNX_CACHE_MODELS", "iris=yes"),
        ("DYNONNX_CACHE_MODELS", "=on"),
        ("DYNONNX_CACHE_MODELS", "iris=on,"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("PORT", "8e3"),
        ("PORT", "+80"),
        ("PORT", " 80"),
        ("PORT", "80 80"),
        ("PORT", "80\n"),
        ("PORT", "८०"),
        ("PORT", "1" * 5000),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "1.5"),
        ("WEB_CONCURRENCY", "many"),
        ("DYNONNX_STRICT", "true"),
        ("DYNONNX_STRICT", "yes"),
        ("DYNONNX_STRICT", "2"),
        ("DYNONNX_HOST", "a\x00b"),
        ("DYNONNX_MODELS", "a\nb"),
        ("DYNONNX_MAX_BODY_BYTES", "16MB"),
        ("DYNONNX_MAX_ROWS", "0"),
        ("DYNONNX_DEADLINE_MS", "1e3"),
        ("DYNONNX_DEADLINE_MS", "-1"),
        ("DYNONNX_ORT_THREADS", "1.5"),
        ("DYNONNX_LOG_LEVEL", "INFO"),
        ("DYNONNX_LOG_LEVEL", "loud"),
        ("DYNONNX_LOG_FORMAT", "xml"),
        ("DYNONNX_CORS_ORIGINS", "example.org"),
        ("DYNONNX_CORS_ORIGINS", "https://example.org/path"),
        ("DYNONNX_CORS_ORIGINS", "https://example.org,"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_value(name: str, text: str) -> None:
    with pytest.raises(BadSetting) as caught:
        read_settings({name: text})
    message = str(caught.value)
    assert message.startswith(f"{name}: expected ")
    assert "\n" not in message
    assert repr(text) in message


@pytest.mark.parametrize(
    "keys", ["short", f"{KEY},", f"{KEY},tiny", "with a space inside it", "kéy" * 10, f"{KEY}\x00"]
)
@pytest.mark.parametrize("name", ["DYNONNX_API_KEYS", "DYNONNX_ADMIN_KEYS"])
def test_a_bad_key_is_refused_without_being_told(name: str, keys: str) -> None:
    with pytest.raises(BadSetting, match=rf"^{name}: expected keys of at least 16") as caught:
        read_settings({name: keys})
    assert keys not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_unknown_name_stops_the_start() -> None:
    links = {
        "DYNONNX_PORT": "tcp://10.0.0.1:80",
        "DYNONNX_PORT_80_TCP_ADDR": "10.0.0.1",
        "DYNONNX_SERVICE_HOST": "10.0.0.1",
    }
    more = {"DYNONNX_SERVICE_PORT_HTTP": "80", "DYNONNX_IRIS_PREDICTOR_PORT": "tcp://10.0.0.2:80"}
    assert read_settings({**links, **more}) == Settings()  # of services called dynonnx... beside us on Kubernetes
    with pytest.raises(BadSetting, match=r"^DYNONNX_COLOUR: there is no such setting; `python -m server --help` lists"):
        read_settings({"DYNONNX_COLOUR": "8001"})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DYNONNX_PORT", "PORT"),
        ("DYNONNX_API_KEY", "DYNONNX_API_KEYS"),
        ("DYNONNX_DEFUALT_MODEL", "DYNONNX_DEFAULT_MODEL"),
        ("DYNONNX_MODEL", "DYNONNX_MODELS"),
        ("DYNONNX_WORKERS", "WEB_CONCURRENCY"),
        ("DYNONNX_WEB_CONCURENCY", "WEB_CONCURRENCY"),
    ],
)
def test_a_name_that_is_misspelt_is_told_the_right_one(name: str, meant: str) -> None:
    with pytest.raises(BadSetting, match=rf"^{name}: there is no such setting: did you mean {meant}\?"):
        read_settings({name: KEY})


@pytest.mark.parametrize("key", ["", " ", "\n", "\x00"])
def test_a_key_for_signatures_that_is_empty_lets_nothing_serve(key: str) -> None:
    with pytest.raises(BadSetting, match=r"^DYNONNX_VERIFY_KEY: "):
        make_check(read_settings({"DYNONNX_VERIFY_KEY": key}).verify_key)


@pytest.mark.parametrize(("text", "share"), [("0.6", 0.6), (".25", 0.25), ("1", 1.0), ("1.0", 1.0)])
def test_a_share_is_above_zero_and_at_most_one(text: str, share: float) -> None:
    assert read_settings({"DYNONNX_SCALE_UTILISATION": text}).scale_utilisation == share


@pytest.mark.parametrize("text", ["0", "0.0", "1.1", "60", "-0.5", "nan", "1e-1"])
def test_no_other_number_is_a_share(text: str) -> None:
    with pytest.raises(BadSetting, match=r"^DYNONNX_SCALE_UTILISATION: expected a number above 0"):
        read_settings({"DYNONNX_SCALE_UTILISATION": text})


def test_hirefires_token_is_not_shown() -> None:
    assert public_settings(read_settings({"HIREFIRE_TOKEN": KEY}))["HIREFIRE_TOKEN"] == "set"  # noqa: S105


def test_judoscales_address_is_not_shown() -> None:
    address = f"https://adapter.judoscale.com/api/{KEY}"
    settings = read_settings({"JUDOSCALE_URL": address, "DYNO": "web.1"})
    assert (settings.judoscale_url, settings.dyno) == (address, "web.1")
    assert public_settings(settings)["JUDOSCALE_URL"] == "set"


@pytest.mark.parametrize(
    "text", ["adapter.judoscale.com", "ftp://a/b", "https:///x", "https://a:0/", "https://a:70000/x", "https://u:p@a/x"]
)
def test_no_other_address_takes_reports_and_none_is_told(text: str) -> None:
    with pytest.raises(BadSetting, match=r"^JUDOSCALE_URL: expected an address") as raised:
        read_settings({"JUDOSCALE_URL": text})
    assert text not in str(raised.value)


def test_workers_set_by_the_buildpack_do_not_count() -> None:
    assert read_settings({"WEB_CONCURRENCY": "8", "WEB_CONCURRENCY_SET_BY": "heroku/python"}).workers is None
    assert read_settings({"WEB_CONCURRENCY": "8", "WEB_CONCURRENCY_SET_BY": ""}).workers == 8


def test_public_settings_show_everything_but_secrets() -> None:
    keys = {"DYNONNX_API_KEYS": f"{KEY},{OTHER_KEY}", "DYNONNX_ADMIN_KEYS": KEY}
    shown = public_settings(read_settings({**keys, "PORT": "81"}))
    assert list(shown) == [environment_name(field) for field in dataclasses.fields(Settings)]
    assert shown["DYNONNX_API_KEYS"] == "2 set"
    assert shown["DYNONNX_ADMIN_KEYS"] == "1 set"
    assert shown["PORT"] == 81
    assert shown["DYNONNX_MODELS"] == "models"
    assert KEY not in repr(shown)
    assert public_settings(Settings())["DYNONNX_API_KEYS"] is None
    addresses = public_settings(
        read_settings({"DYNONNX_MODELS_FROM": "https://u:p@h/a.onnx#x https://h/b.onnx?key=y#x"})
    )
    assert addresses["DYNONNX_MODELS_FROM"] == "2 set"  # they may hold passwords


def test_help_lists_every_setting_once() -> None:
    lines = help_text().splitlines()
    assert [line.split()[0] for line in lines] == [environment_name(field) for field in dataclasses.fields(Settings)]
    assert "(8000)" in lines[0]


# Names of ours, names like ours, and others; values that are nearly good.
NAMES = st.sampled_from([environment_name(field) for field in dataclasses.fields(Settings)])
ODD_NAMES = st.text(max_size=12).map("DYNONNX_".__add__) | st.text(max_size=12)
VALUES = (
    st.text(max_size=60)
    | st.integers(-(2**70), 2**70).map(str)
    | st.from_regex(r"[\x00-\x7f]{0,4}[0-9\u0661]{1,20}[\x00-\x7f]{0,2}", fullmatch=True)
    | st.lists(st.text(max_size=20), max_size=4).map(",".join)
)


@given(st.dictionaries(NAMES | ODD_NAMES, VALUES, max_size=5))
def test_any_environment_is_settings_or_a_sentence_that_names_the_setting(environment: dict[str, str]) -> None:
    settings, reason = Settings(), ""
    try:
        settings = read_settings(environment)
    except BadSetting as error:
        reason = str(error)
    assert 1 <= settings.port <= 65535
    shown = orjson.dumps(public_settings(settings)).decode()
    assert not any(key in shown for key in (*settings.api_keys, *settings.admin_keys))
    if reason:
        name, _, told = reason.partition(": ")
        assert name in environment
        assert told.isprintable()
        secret = environment[name] if name in ("DYNONNX_API_KEYS", "DYNONNX_ADMIN_KEYS", "JUDOSCALE_URL") else ""
        assert len(secret) < 4 or secret not in told
