"""What an app is told by app.json, Procfile, a shell and its config vars, and what would come of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.doctor.configuration import find_in_configuration, read_configuration
from tests.conftest import ROOT
from tests.server.doctor.conftest import checkout_of

APP = (ROOT / "app.json").read_text()
KEY = {"DYNONNX_API_KEYS": "k" * 16}


def found(
    app: str = APP,
    procfile: str = "web: python -m server",
    environment: dict[str, str] | None = None,
    config_vars: dict[str, str] | None = None,
    *,
    pushes: bool = False,
) -> list[str]:
    apps = ("heroku",) if pushes else ()
    checkout = replace(checkout_of({"app.json": app, "Procfile": procfile}), apps=apps)
    configuration = read_configuration(checkout.texts, environment or {}, config_vars or {})
    return [
        f"{what}\n{remedy}" for what, remedy in find_in_configuration(checkout, configuration, {"iris"}, is_open=False)
    ]


def test_ours_is_good() -> None:
    assert found() == []
    assert found(pushes=True, config_vars=KEY, environment={"PORT": "9", "DYNONNX_HOST": "127.0.0.1"}) == []


@pytest.mark.parametrize(
    ("app", "says"),
    [
        (APP.replace("heroku/python", "heroku/nodejs"), "its buildpacks are heroku/nodejs, and not heroku/python"),
        (APP.replace('"quantity": 1', '"quantity": 0'), "has 0 dynos of web"),
        (APP.replace('"quantity": 1', '"quantity": 2'), "has 2 dynos of web, and Heroku runs one of the size basic"),
        (APP.replace("heroku-24", "container"), "the stack 'container' is none of"),
        (APP.replace("heroku-24", "cnb"), "has the size basic, which an app of the stack cnb does not have"),
        (APP.replace('"basic"', '"dyno-1c-0.5gb"'), "has the size dyno-1c-0.5gb, which an app of the stack heroku-24"),
    ],
)
def test_an_app_that_would_not_serve(app: str, says: str) -> None:
    assert app != APP
    (told,) = found(app)
    assert told.startswith("app.json: ")
    assert says in told


def test_an_app_that_nests_too_deep_is_told() -> None:
    assert found("[" * 100_000)[0].startswith("app.json: it nests deeper than Python reads")


@pytest.mark.parametrize(
    ("config_vars", "says", "remedy"),
    [
        ({"PORT": "8000"}, "PORT is 8000", "heroku config:unset PORT"),
        ({"DYNONNX_HOST": "localhost"}, "DYNONNX_HOST is localhost", "heroku config:unset DYNONNX_HOST"),
        (
            {"DYNONNX_MODELS_FROM": f"s3://b/iris.onnx#sha256={'0' * 64}", "AWS_ACCESS_KEY_ID": "x"},
            "the app has no AWS_SECRET_ACCESS_KEY to sign it with",
            "heroku config:set AWS_SECRET_ACCESS_KEY=...",
        ),
        ({"DYNONNX_API_KEY": "k" * 16}, "did you mean DYNONNX_API_KEYS?", "heroku config:unset DYNONNX_API_KEY"),
    ],
)
def test_config_vars_with_which_nothing_answers(config_vars: dict[str, str], says: str, remedy: str) -> None:
    (told,) = found(config_vars={**KEY, **config_vars})
    assert says in told
    assert told.endswith(remedy)


def test_a_port_in_procfile_is_found_too() -> None:
    (told,) = found(procfile="web: PORT=8000 python -m server")
    assert told.startswith("Procfile: PORT is 8000")


def test_keys_that_no_dyno_sees_are_none() -> None:
    literal = APP.replace('"generator": "secret"', f'"value": "{"k" * 16}"')
    assert "DYNONNX_API_KEYS is written out" in found(literal)[0]
    for told in (found(literal, pushes=True)[-1], found(pushes=True, environment=KEY)[-1]):
        assert told.startswith("the app answers anyone")
    assert len(found(procfile=f"web: DYNONNX_API_KEYS={'k' * 16} python -m server", pushes=True)) == 1


def test_a_public_key_in_a_file_that_stays_here() -> None:
    told = found(config_vars={**KEY, "DYNONNX_VERIFY_KEY": "model-key.pub.pem"})
    assert "names model-key.pub.pem, which is not committed" in told[0]
    assert "requirements.txt lacks PyNaCl" in told[1]


def test_what_takes_a_setting_back_is_told_of_where_it_holds() -> None:
    texts = {"Procfile": "web: WEB_CONCURRENCY=9 python -m server"}
    assert read_configuration({}, {}, {}).mend("WEB_CONCURRENCY", "2") == "heroku config:set WEB_CONCURRENCY=2"
    set_here = read_configuration({}, {"WEB_CONCURRENCY": "9"}, {})
    assert set_here.mend("WEB_CONCURRENCY", "2") == "unset WEB_CONCURRENCY"
    both = read_configuration(texts, {}, {"WEB_CONCURRENCY": "1"})
    assert both.settings.workers == 9  # as the shell that reads Procfile has it
    assert both.mend("WEB_CONCURRENCY", "2").startswith("edit Procfile")


def test_of_two_apps_one_is_asked_for() -> None:
    checkout = replace(checkout_of({"app.json": APP, "Procfile": "web: python -m server"}), apps=("heroku", "staging"))

    def told(config_vars: dict[str, str], remote: str | None) -> list[str]:
        configuration = read_configuration(checkout.texts, {}, config_vars)
        return [found.what for found in find_in_configuration(checkout, configuration, {"iris"}, False, remote)]

    (which,) = told({}, None)
    assert which.startswith("2 apps are remotes here, heroku, staging")
    (keys,) = told({}, "staging")
    assert keys.startswith("the app answers anyone")
    assert told(KEY, "staging") == told(KEY, None) == []


def test_a_model_of_nearly_the_name_is_offered() -> None:
    for name in ("Iris", "irsi"):
        (told,) = found(config_vars={**KEY, "DYNONNX_DEFAULT_MODEL": name})
        assert told.endswith("heroku config:set DYNONNX_DEFAULT_MODEL=iris")
    (told,) = found(environment={"DYNONNX_DEFAULT_MODEL": "IRIS"})
    assert told.endswith("export DYNONNX_DEFAULT_MODEL=iris")
    (told,) = found(config_vars={**KEY, "DYNONNX_DEFAULT_MODEL": "churn"})
    assert told.endswith("heroku config:unset DYNONNX_DEFAULT_MODEL")
