"""Owns what the app will be told: settings from Procfile, app.json, the environment and the app's config vars. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from server.doctor.buildpack import STACKS
from server.doctor.checkout import Checkout
from server.doctor.finding import Finding
from server.fetching.address import read_addresses
from server.settings import PREFIX, BadSetting, Settings, read_settings

OURS = ("WEB_CONCURRENCY", "WEB_CONCURRENCY_SET_BY")
ASSIGNMENT = re.compile(r"([A-Z_][A-Z0-9_]*)=(.*)")
KEYS, DEFAULT_MODEL = "DYNONNX_API_KEYS", "DYNONNX_DEFAULT_MODEL"
NEW_KEYS = f"heroku config:set {KEYS}=$(openssl rand -hex 32)"


class Source(NamedTuple):
    """Where settings are said, and which. ``mend`` has a place for the name of a setting."""

    name: str
    values: Mapping[str, str]
    mend: str


class Configuration(NamedTuple):
    """All sources, the last one strongest. ``makes_keys``: app.json sees to it that a new app gets keys."""

    sources: tuple[Source, ...]
    size: str | None  # of the dyno, as app.json has it
    makes_keys: bool
    broken: str = ""  # what app.json is not

    @property
    def settings(self) -> Settings:
        """The settings that hold in the end; the defaults where one is bad, which `find_in_configuration` tells."""
        values: dict[str, str] = {}
        for source in self.sources:
            values |= source.values
        try:
            return read_settings(values)
        except BadSetting:
            return Settings()


def read_configuration(
    texts: Mapping[str, str], environment: Mapping[str, str], config_vars: Mapping[str, str]
) -> Configuration:
    """``config_vars``: those of the app, as `heroku config` shows them; empty where nobody can tell."""
    try:
        app = json.loads(texts.get("app.json", "{}"))
        broken = "" if isinstance(app, dict) else "no object"
    except ValueError as error:
        app, broken = {}, str(error)
    app = app if isinstance(app, dict) else {}
    env = _object(app.get("env"))
    sources = (
        Source(
            "app.json", _ours({name: _value(said) for name, said in env.items()}), "edit app.json, then commit it: {}"
        ),
        Source("Procfile", _ours(_inline(texts.get("Procfile", ""))), "edit Procfile, then commit it: {}"),
        Source("the environment", _ours(environment), "unset {}"),
        Source("the app's config vars", _ours(config_vars), "heroku config:unset {}"),
    )
    web = _object(_object(app.get("formation")).get("web"))
    return Configuration(sources, web.get("size"), _makes(env.get(KEYS)), broken or _stack(app))


def read_config_vars(text: str) -> dict[str, str]:
    """Config vars as `heroku config --shell` or `--json` prints them. Raises ValueError."""
    if text.lstrip().startswith("{"):
        return {str(name): str(value) for name, value in json.loads(text).items()}
    return dict(word.split("=", 1) for word in shlex.split(text, comments=True) if "=" in word)


def find_in_configuration(
    checkout: Checkout, configuration: Configuration, served: set[str], is_open: bool
) -> Iterator[Finding]:
    """What the settings would do. ``served``: names of the committed models; ``is_open``: meant to answer anyone."""
    if configuration.broken:
        yield Finding(f"app.json: {configuration.broken}", "python -m json.tool app.json")
    for source in configuration.sources:
        yield from _bad_settings(source)
        name = source.values.get(DEFAULT_MODEL, "")
        if name and name not in served:
            there = f"there is {', '.join(sorted(served))}" if served else "there is none"
            yield Finding(
                f"{source.name}: {DEFAULT_MODEL} is {name}, and no such model is committed: {there}",
                source.mend.format(DEFAULT_MODEL),
            )
    given = any(source.values.get(KEYS) for source in configuration.sources)
    # A push does not read app.json: what that promises holds for an app that the button makes.
    if not (given or is_open or (configuration.makes_keys and not checkout.pushes_to_heroku)):
        yield Finding(
            "the app answers anyone: it has no keys",
            f"{NEW_KEYS} (meant to be open: python -m server doctor --open;"
            " set already: heroku config --shell | python -m server doctor --config -)",
        )


def _bad_settings(source: Source) -> Iterator[Finding]:
    """Each value for itself: `read_settings` stops at the first."""
    for name, value in source.values.items():
        try:
            read_addresses(read_settings({name: value}).models_from)
        except BadSetting as error:
            yield Finding(f"{source.name}: {error}", source.mend.format(name))


def _ours(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name.startswith(PREFIX) or name in OURS}


def _inline(procfile: str) -> dict[str, str]:
    """``NAME=value`` before the web command."""
    web = re.search(r"^web:(.*)$", procfile, re.MULTILINE)
    words = web[1].split() if web else []
    found = {}
    for word in words[1:] if words[:1] == ["env"] else words:
        if not (match := ASSIGNMENT.fullmatch(word)):
            break
        found[match[1]] = match[2].strip("'\"")
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _value(said: Any) -> str:
    """What app.json gives a variable: a text, or an object with a ``value``; one that has none gives nothing."""
    return said if isinstance(said, str) else str(_object(said).get("value") or "")


def _makes(said: Any) -> bool:
    about = _object(said)
    return about.get("generator") == "secret" or bool(_value(said))


def _stack(app: Mapping[str, Any]) -> str:
    stack = app.get("stack", STACKS[0])
    return "" if stack in STACKS else f"the stack {stack!r} is none of {', '.join(STACKS)}"
