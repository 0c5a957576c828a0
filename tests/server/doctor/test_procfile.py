"""Lines of a Procfile that start nothing, or something else; and the settings that stand in them."""

from __future__ import annotations

import pytest

from server.doctor.procfile import find_in_procfile, inline_settings

CHECK = "release: python -m server check\n"


@pytest.mark.parametrize(
    "text",
    [
        "web: python -m server\n" + CHECK,
        "web: DYNONNX_STRICT=1 exec python -m server 2>&1 | cat\n",
        "web: python3.13 -m server # ours\nrelease: python -m server fetch && python -m server check\n",
        "web: dynonnx serve\nrelease: ./migrate.sh\n",
    ],
)
def test_what_serves_is_good(text: str) -> None:
    assert list(find_in_procfile(text)) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("web: python -m server check\n", "starts the server with `check`, with which it ends at once"),
        ("web: python -m server --print-config\n", "with which it ends at once"),
        ("web: python -m server --port $PORT\n", "its settings are variables of the environment"),
        ("web: python -m servers\n", "which is not this server"),
        ("web: python -m server\nrelease: python -m server chek\n", "release phase is `python -m server chek`"),
        ("web: python -m server\nrelease: python -m server\n", "does not end well"),
    ],
)
def test_what_is_found(text: str, says: str) -> None:
    (finding,) = find_in_procfile(text)
    assert says in finding.what
    assert "git add Procfile && git commit" in finding.remedy


def test_the_settings_before_the_command() -> None:
    assert inline_settings("web: env PORT=8000 DYNONNX_HOST='::1' python -m server A=1\n") == {
        "PORT": "8000",
        "DYNONNX_HOST": "::1",
    }
