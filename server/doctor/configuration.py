"""Owns what the app will be told: settings from app.json, the environment, the app's config vars, Procfile. Pure."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from server.doctor.buildpack import STACKS
from server.doctor.checkout import Checkout
from server.doctor.finding import Finding
from server.doctor.memory import is_fir, size_named
from server.doctor.procfile import inline_settings
from server.doctor.requirements import pinned
from server.fetching.address import is_loopback, read_addresses
from server.settings import PREFIX, BadSetting, Settings, read_settings

WORKERS = ("WEB_CONCURRENCY", "WEB_CONCURRENCY_SET_BY")
AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
KEYS, DEFAULT_MODEL = "DYNONNX_API_KEYS", "DYNONNX_DEFAULT_MODEL"
HOST, MODELS_FROM, VERIFY_KEY = "DYNONNX_HOST", "DYNONNX_MODELS_FROM", "DYNONNX_VERIFY_KEY"
OURS_TO_MAKE = (KEYS, "DYNONNX_ADMIN_KEYS")
SECRETS = (*OURS_TO_MAKE, "HIREFIRE_TOKEN", "AWS_SECRET_ACCESS_KEY")
SINGLE = ("eco", "basic")  # sizes of which Heroku runs one dyno a process
BUILDPACK, FIR_STACK = "heroku/python", "cnb"
NEW_KEYS = f"heroku config:set {KEYS}=$(openssl rand -hex 32)"
APP, PROCFILE, HERE, APPS = "app.json", "Procfile", "the environment", "the app's config vars"


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
    broken: tuple[str, ...] = ()  # what app.json is not

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

    def mend(self, name: str, value: str = "") -> str:
        """What takes a setting back where it is said, or gives it another value."""
        source = next((source for source in reversed(self.sources) if name in source.values), None)
        if value and (source is None or source.name == APPS):
            return f"heroku config:set {name}={value}"
        return source.mend.format(name) if source else f"unset {name}"


def read_configuration(
    texts: Mapping[str, str], environment: Mapping[str, str], config_vars: Mapping[str, str]
) -> Configuration:
    """``config_vars``: those of the app, as `heroku config` shows them; empty where nobody can tell."""
    try:
        said = json.loads(texts.get(APP, "{}"))
        broken = () if isinstance(said, dict) else ("no object",)
    except ValueError as error:
        said, broken = {}, (str(error),)
    except RecursionError:
        said, broken = {}, ("it nests deeper than Python reads",)
    app = _object(said)
    env = {name: _value(said) for name, said in _object(app.get("env")).items()}
    sources = (
        Source(APP, _ours(env, "PORT"), "edit app.json, then commit it: {}"),
        Source(HERE, _ours(environment), "unset {}"),
        Source(APPS, _ours(config_vars, "PORT"), "heroku config:unset {}"),
        Source(PROCFILE, _ours(inline_settings(texts.get(PROCFILE, "")), "PORT"), "edit Procfile, then commit it: {}"),
    )
    web = _object(_object(app.get("formation")).get("web"))
    size = str(web["size"]) if "size" in web else None
    return Configuration(sources, size, _makes(_object(app.get("env")).get(KEYS)), (*broken, *_refused(app, web)))


def read_config_vars(text: str) -> dict[str, str]:
    """Config vars as `heroku config --shell` or `--json` prints them. Raises ValueError."""
    if text.lstrip().startswith("{"):
        return {str(name): str(value) for name, value in json.loads(text).items()}
    return dict(word.split("=", 1) for word in shlex.split(text, comments=True) if "=" in word)


def find_in_configuration(
    checkout: Checkout, configuration: Configuration, served: set[str], is_open: bool, remote: str | None = None
) -> Iterator[Finding]:
    """What the settings would do. ``served``: names of the committed models; ``is_open``: meant to answer anyone.

    ``remote``: of several apps the one whose config vars these are; None where nobody said which.
    """
    for reason in configuration.broken:
        yield Finding(f"app.json: {reason}", "edit app.json (python -m json.tool app.json shows it), then commit it")
    for source in configuration.sources:
        yield from _bad_settings(source)
        name = source.values.get(DEFAULT_MODEL, "")
        if name and name not in served:
            there = f"there is {', '.join(sorted(served))}" if served else "there is none"
            yield Finding(
                f"{source.name}: {DEFAULT_MODEL} is {name}, and no such model is committed: {there}",
                _nearest(source, name, served) or source.mend.format(DEFAULT_MODEL),
            )
        yield from _unreachable(source)
        yield from _told_to_all(source)
    yield from _signing(checkout, configuration)
    yield from _fetching(configuration)
    # A push does not read app.json: what that says holds for an app that the button makes. No dyno sees this shell.
    told = any(source.values for source in configuration.sources if source.name == APPS)
    given = any(source.values.get(KEYS) for source in configuration.sources if source.name in (APPS, PROCFILE))
    if len(checkout.apps) > 1 and remote is None and not told:
        yield Finding(
            f"{len(checkout.apps)} apps are remotes here, {', '.join(checkout.apps)}: which is meant nobody knows",
            f'make doctor ARGS="--remote {checkout.apps[0]}"',
        )
    elif not (given or is_open or (configuration.makes_keys and not checkout.pushes_to_heroku)):
        yield Finding(
            "the app answers anyone: it has no keys",
            f"{NEW_KEYS} (meant to be open: python -m server doctor --open;"
            " set already: heroku config --shell | python -m server doctor --config -)",
        )


def key_lost(checkout: Checkout, settings: Settings) -> bool:
    """Whether the public key is said to be in a file that no push takes."""
    key = settings.verify_key
    return key is not None and not key.startswith("-----") and key.removeprefix("./") not in checkout.committed


def _bad_settings(source: Source) -> Iterator[Finding]:
    """Each value for itself: `read_settings` stops at the first."""
    for name, value in source.values.items():
        try:
            read_addresses(read_settings({name: value}).models_from)
        except BadSetting as error:
            yield Finding(f"{source.name}: {error}", source.mend.format(name))


def _nearest(source: Source, name: str, served: set[str]) -> str | None:
    """The command that gives the model of nearly that name, where a command does."""
    spelt = {other.lower(): other for other in served}
    near = difflib.get_close_matches(name.lower(), spelt, 1)
    give = {APPS: "heroku config:set", HERE: "export"}.get(source.name)
    return f"{give} {DEFAULT_MODEL}={spelt[near[0]]}" if near and give else None


def _unreachable(source: Source) -> Iterator[Finding]:
    """Where the router would look for the server in vain. In a shell here these are this machine's."""
    if source.name == HERE:
        return
    if port := source.values.get("PORT"):
        yield Finding(
            f"{source.name}: PORT is {port}, and Heroku's router asks the port that it chose itself",
            source.mend.format("PORT"),
        )
    host = source.values.get(HOST, "").strip("[]")
    if host and is_loopback(host):
        yield Finding(
            f"{source.name}: {HOST} is {host}, where nobody but the dyno itself asks", source.mend.format(HOST)
        )


def _told_to_all(source: Source) -> Iterator[Finding]:
    if source.name not in (APP, PROCFILE):
        return
    for name in SECRETS:
        if source.values.get(name):
            new = "$(openssl rand -hex 32)" if name in OURS_TO_MAKE else "..."
            yield Finding(
                f"{source.name}: {name} is written out, where everybody who has the code reads it",
                f"{source.mend.format(name)}, and heroku config:set {name}={new}",
            )


def _signing(checkout: Checkout, configuration: Configuration) -> Iterator[Finding]:
    settings = configuration.settings
    if settings.verify_key is None:
        return
    if key_lost(checkout, settings):
        file = shlex.quote(settings.verify_key)
        yield Finding(
            f"{VERIFY_KEY} names {settings.verify_key}, which is not committed: the dyno has no such file",
            f'heroku config:set {VERIFY_KEY}="$(cat {file})"',
        )
    if "pynacl" not in pinned(checkout.texts):
        yield Finding(
            f"{VERIFY_KEY} is set, and requirements.txt lacks PyNaCl, which checks signatures",
            'echo "-r requirements-signing.txt" >> requirements.txt'
            " && git add requirements.txt requirements-signing.txt && git commit -m 'Check signatures'",
        )


def _fetching(configuration: Configuration) -> Iterator[Finding]:
    """Where what is fetched is the app's own config, what it needs is known as well."""
    told = next(source.values for source in configuration.sources if source.name == APPS)
    if "s3://" in told.get(MODELS_FROM, "") and (lacking := [name for name in AWS if not told.get(name)]):
        yield Finding(
            f"{MODELS_FROM} has an s3:// address, and the app has no {' and no '.join(lacking)} to sign it with",
            f"heroku config:set {' '.join(f'{name}=...' for name in lacking)}",
        )


def _ours(values: Mapping[str, str], *more: str) -> dict[str, str]:
    names = (*WORKERS, *AWS, "HIREFIRE_TOKEN", *more)
    return {name: value for name, value in values.items() if name.startswith(PREFIX) or name in names}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _value(said: Any) -> str:
    """What app.json gives a variable: a text, or an object with a ``value``; one that has none gives nothing."""
    return said if isinstance(said, str) else str(_object(said).get("value") or "")


def _makes(said: Any) -> bool:
    return _object(said).get("generator") == "secret" or bool(_value(said))


def _refused(app: Mapping[str, Any], web: Mapping[str, Any]) -> Iterator[str]:
    """What Heroku does not take, or what would serve nothing."""
    stack, size = app.get("stack", STACKS[0]), str(web.get("size", ""))
    if stack in STACKS and size_named(size) and is_fir(size) != (stack == FIR_STACK):
        yield f"`formation` has the size {size}, which an app of the stack {stack} does not have"
    if stack not in STACKS:
        yield f"the stack {stack!r} is none of {', '.join(STACKS)}"
    buildpacks = app.get("buildpacks")
    urls = [str(_object(each).get("url")) for each in buildpacks] if isinstance(buildpacks, list) else []
    if buildpacks is not None and not any(BUILDPACK in url or "heroku-buildpack-python" in url for url in urls):
        yield f"its buildpacks are {', '.join(urls) or 'none'}, and not {BUILDPACK}, which builds this"
    quantity = web.get("quantity", 1)
    if not isinstance(quantity, int) or quantity < 1:
        yield f"`formation` has {quantity!r} dynos of web: nothing would get HTTP"
    elif quantity > 1 and str(web.get("size", "")).lower() in SINGLE:
        yield f"`formation` has {quantity} dynos of web, and Heroku runs one of the size {web['size']}"
