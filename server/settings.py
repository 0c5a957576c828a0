"""Owns every setting: name, default, allowed values. Reads a mapping; knows nothing of the environment.

A value in the mapping overrides the default. The first bad value stops the start.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

PREFIX = "DYNONNX_"
MIN_KEY_LENGTH = 16
# What Kubernetes tells every pod of a service called dynonnx, or dynonnx-something: no settings of ours.
SERVICE_LINK = re.compile(
    r"DYNONNX(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)=.*"
    r"|DYNONNX(_\w+)?_PORT=(tcp|udp|sctp)://.*"
)

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
BatchRule = Literal["proven", "trial"]


class BadSetting(ValueError):
    """A bad value of a setting; the message names the setting and what is expected. Never quotes a key."""


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise BadSetting(f"expected a whole number from {low} to {high}, got {text!r}")
        return int(text)

    return parse


def _share(text: str) -> float:
    if not re.fullmatch(r"0?\.[0-9]{1,6}|1(\.0{1,6})?", text) or not float(text):
        raise BadSetting(f"expected a number above 0, at most 1, got {text!r}")
    return float(text)


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise BadSetting(f"expected 0 or 1, got {text!r}")
    return text == "1"


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise BadSetting(f"expected one of {', '.join(allowed)}, got {text!r}")
        return text

    return parse


def _text(text: str) -> str:
    if not text or not text.isprintable():
        raise BadSetting(f"expected a printable text, got {text!r}")
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(","))
    if any(len(key) < MIN_KEY_LENGTH or not re.fullmatch(r"[\x21-\x7e]+", key) for key in keys):
        raise BadSetting(f"expected keys of at least {MIN_KEY_LENGTH} visible ASCII characters, separated by commas")
    return keys


def _public_key(text: str) -> str:
    return text if text.startswith("-----BEGIN PUBLIC KEY-----") else _text(text)


def _rules(text: str) -> tuple[tuple[str, bool], ...]:
    rules = [rule.strip().rpartition("=") for rule in text.split(",")]
    if any(not name or rule not in ("on", "off") for name, _, rule in rules):
        raise BadSetting(f"expected models like iris=on,churn=off, separated by commas, got {text!r}")
    return tuple((name, rule == "on") for name, _, rule in rules)


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(","))
    if any(origin != "*" and not re.fullmatch(r"https?://[^\s/]+", origin) for origin in origins):
        raise BadSetting(f"expected * or origins like https://example.org, separated by commas, got {text!r}")
    return origins


def _url(text: str) -> str:
    parts = re.fullmatch(r"https?://[A-Za-z0-9.-]+(?::([0-9]{1,5}))?(/[\x21-\x7e]*)?", text)
    if parts is None or not 1 <= int(parts[1] or 1) <= 65535:
        raise BadSetting("expected an address like https://example.org/path")  # may hold a key
    return text


def _setting(default: Any, parse: Callable[[str], Any], text: str, env: str | None = None) -> Any:
    return dataclasses.field(default=default, metadata={"parse": parse, "help": text, "env": env})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting. Environment names: ``DYNONNX_`` and the name in upper case, or PORT and WEB_CONCURRENCY."""

    port: int = _setting(8000, _whole(1, 65535), "port to listen on", "PORT")
    workers: int | None = _setting(
        None, _whole(1, 256), "worker processes; unset: from the dyno plan", "WEB_CONCURRENCY"
    )
    host: str | None = _setting(None, _text, "address to listen on; unset: [::], or 0.0.0.0 without IPv6")
    models: Path = _setting(
        Path("models"), lambda text: Path(_text(text)), "folder of models: <name>/<version>/model.onnx"
    )
    models_from: tuple[str, ...] = _setting(
        (), _words, "models to fetch before the start: https://host/iris.onnx#sha256=..., several separated by spaces"
    )
    fetch_bytes: int = _setting(536_870_912, _whole(1, 2**40), "most bytes of one file that is fetched, also unpacked")
    fetch_seconds: int = _setting(300, _whole(1, 86_400), "time in which all that is fetched must be there")
    default_model: str | None = _setting(None, _text, "the model that /predict serves; unset: the only one there is")
    strict: bool = _setting(False, _flag, "1: a model that does not load stops the start")
    api_keys: tuple[str, ...] = _setting(
        (), _keys, "keys, separated by commas, of which clients send one as `Authorization: Bearer KEY`; none: open"
    )
    admin_keys: tuple[str, ...] = _setting(
        (), _keys, "keys that load and unload models and open all else; none: these routes are off"
    )
    verify_key: str | None = _setting(
        None, _public_key, "Ed25519 public key, as PEM or a file of it; a model that it did not sign is refused"
    )
    max_body_bytes: int = _setting(16_777_216, _whole(1, 2**31), "largest request body")
    inflight_bytes: int = _setting(
        67_108_864, _whole(1, 2**40), "most bytes that the requests of a worker hold, as sent and unpacked"
    )
    max_rows: int = _setting(10_000, _whole(1, 10_000_000), "most rows in one request")
    max_batch_rows: int = _setting(1024, _whole(1, 1_000_000), "most rows in one run of a model")
    batch: BatchRule = _setting(
        "proven",
        _choice("proven", "trial"),
        "which models share runs; proven: by graph and trial; trial: by their trial alone, at your own risk",
    )
    max_wait_ms: int = _setting(0, _whole(0, 10_000), "milliseconds that a batch may wait for company; 0: none")
    deadline_ms: int = _setting(25_000, _whole(1, 600_000), "milliseconds to an answer; who has none by then gets 504")
    queue_ms: int = _setting(1000, _whole(1, 600_000), "milliseconds of work that may wait for one model")
    quota: int = _setting(
        0, _whole(0, 1_000_000), "predictions a second that one client may ask of a worker; 0: as many as it likes"
    )
    forwarded: bool = _setting(
        False, _flag, "1: a router adds each client's address to X-Forwarded-For, on the right, as Heroku's does"
    )
    scale_utilisation: float = _setting(
        0.6, _share, "how much of a dyno is to be used, for the number of dynos that /scale tells"
    )
    hirefire_token: str | None = _setting(
        None, _text, "HireFire's token: its manager reads the demand at /hirefire/TOKEN/info", "HIREFIRE_TOKEN"
    )
    judoscale_url: str | None = _setting(
        None, _url, "where Judoscale takes reports; its add-on sets it: the demand is posted there", "JUDOSCALE_URL"
    )
    dyno: str | None = _setting(None, _text, "the dyno's name, which Judoscale is told; Heroku sets it", "DYNO")
    access_log: int = _setting(
        0, _whole(0, 1_000_000), "n: one in n requests is logged, and each that fails here; 0: none"
    )
    cache_bytes: int = _setting(
        0, _whole(0, 2**40), "most bytes of answers that a worker keeps to give them again; 0: none"
    )
    cache_models: tuple[tuple[str, bool], ...] = _setting(
        (),
        _rules,
        "models whose answers are kept whatever that saves, or never: iris=on,churn=off; others: by their cost",
    )
    ort_threads: int = _setting(1, _whole(1, 64), "threads of ONNX Runtime for one run")
    server_timing: bool = _setting(False, _flag, "1: answers say in Server-Timing what took how long")
    cors_origins: tuple[str, ...] = _setting((), _origins, "origins whose pages may call this server; none: no CORS")
    log_level: LogLevel = _setting(
        "info", _choice("debug", "info", "warning", "error"), "what is logged: from debug, info, warning or error on"
    )
    log_format: LogFormat = _setting("text", _choice("text", "json"), "text or json, one line each")

    @property
    def behind_router(self) -> bool:
        """Whether a router is declared, so that a header of its own is not a client's: Heroku's, or another."""
        return self.forwarded or self.dyno is not None


SECRET_FIELDS = frozenset({"api_keys", "admin_keys", "hirefire_token", "judoscale_url", "models_from"})
NEVER_EMPTY = frozenset({"verify_key"})  # elsewhere an empty value is as good as none; here it would let anything serve


def environment_name(field: dataclasses.Field[Any]) -> str:
    """The environment name of a field of Settings."""
    return field.metadata["env"] or PREFIX + field.name.upper()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Makes Settings from a mapping of environment variables. Raises BadSetting for the first bad one."""
    fields = {environment_name(field): field for field in dataclasses.fields(Settings)}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in fields and not SERVICE_LINK.fullmatch(f"{name}={environment[name]}"):
            raise BadSetting(f"{name}: there is no such setting{_instead(name, fields)}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if environment.get(name) == "" and field.name in NEVER_EMPTY:
            raise BadSetting(f"{name}: is empty: give it a value, or remove it")
        if environment.get(name, "") != "" and not _set_by_buildpack(name, environment):
            values[field.name] = _parse(name, field, environment[name])
    return Settings(**values)


def _instead(name: str, fields: Mapping[str, dataclasses.Field[Any]]) -> str:
    known = {bare: name for name, field in fields.items() for bare in (name.removeprefix(PREFIX), field.name.upper())}
    alike = difflib.get_close_matches(name.removeprefix(PREFIX)[:64], [*known], 1, 0.7)
    return f": did you mean {known[alike[0]]}?" if alike else "; `python -m server --help` lists them"


def _set_by_buildpack(name: str, environment: Mapping[str, str]) -> bool:
    """Whether Heroku's buildpack set WEB_CONCURRENCY, which it marks; only a person's value counts."""
    return name == "WEB_CONCURRENCY" and bool(environment.get("WEB_CONCURRENCY_SET_BY"))


def _parse(name: str, field: dataclasses.Field[Any], text: str) -> Any:
    try:
        return field.metadata["parse"](text)
    except BadSetting as error:
        raise BadSetting(f"{name}: {error}") from None


def public_settings(settings: Settings) -> dict[str, Any]:
    """The settings by environment name; of secrets only their number."""
    shown: dict[str, Any] = {}
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if field.name in SECRET_FIELDS:
            value = (f"{len(value)} set" if isinstance(value, tuple) else "set") if value else None
        shown[environment_name(field)] = str(value) if isinstance(value, Path) else value
    return shown


def help_text() -> str:
    """One line per setting: name, meaning, default."""
    lines = []
    for field in dataclasses.fields(Settings):
        value = int(field.default) if isinstance(field.default, bool) else field.default
        default = "" if value in (None, ()) else f" ({value})"
        lines.append(f"  {environment_name(field):<26}{field.metadata['help']}{default}")
    return "\n".join(lines)
