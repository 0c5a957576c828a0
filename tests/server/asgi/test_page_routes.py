"""The page's files: small, held in memory, named by their content, open without a key, behind both doors."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from server.asgi.page_routes import FILES, FOLDER
from server.errors import CODES, STATUS
from tests.support.server import models
from tests.support.server.doors import DOORS, Door, get, open_door

LARGEST_BYTES = 150_000
LONGEST_LINES = 250
BROWSER = b"Accept: text/html,application/xhtml+xml,*/*;q=0.8"
KEY = "k" * 32
DOCUMENT = (FOLDER / "page.html").read_text("utf-8")
SCRIPTS = sorted(name for name in FILES if name.endswith(".js"))


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(request.param, tmp_path_factory.mktemp("m"), {"iris": models.classifier()}) as opened:
        yield opened


@pytest.fixture(scope="module", params=DOORS)
def keyed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(request.param, tmp_path_factory.mktemp("m"), {"iris": models.classifier()}, API_KEYS=KEY) as opened:
        yield opened


def test_a_browser_gets_the_page_and_a_program_json(door: Door) -> None:
    page = door.ask(get("/", "GET", BROWSER))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.body == door.ask(get("/docs")).body == DOCUMENT.encode()
    assert page.headers["vary"] == "accept"
    for headers in ([], [b"Accept: */*"], [b"Accept: application/json"]):
        assert door.ask(get("/", "GET", *headers)).headers["content-type"] == "application/json"


def test_what_is_known_is_not_sent_again(door: Door) -> None:
    for path in ("/docs", *(f"/static/{name}" for name in FILES)):
        first = door.ask(get(path))
        assert (first.status, first.headers["cache-control"]) == (200, "no-cache")
        again = door.ask(get(path, "GET", b"If-None-Match: " + first.headers["etag"].encode()))
        assert (again.status, again.body) == (304, b"")
        assert door.ask(get(path, "GET", b'If-None-Match: "other"')).body == first.body
        head = door.ask(get(path, "HEAD"), head_only=True)
        assert (head.status, head.headers["etag"]) == (200, first.headers["etag"])


def test_no_other_file_is_served(door: Door) -> None:
    for name in ("app.py", "page.html", "..%2fapp.py", "../app.py", "%2e%2e/app.py", "hanken-grotesk.LICENSE.txt", ""):
        assert door.ask(get(f"/static/{name}")).status == 404


def test_with_keys_the_page_opens_and_tells_nothing_else(keyed: Door) -> None:
    for path in ("/docs", *(f"/static/{name}" for name in FILES)):
        assert keyed.ask(get(path)).status == 200
    page = keyed.ask(get("/", "GET", BROWSER)).body.decode()
    assert page == DOCUMENT.replace("<html ", "<html data-keyed ")
    for path in ("/", "/static/none", "/static/../metrics", "/docs/", "/docs/../metrics", "//docs", "/openapi.json"):
        assert keyed.ask(get(path)).status == 401
    for path in ("/metrics", "/models", "/static/../models"):
        assert keyed.ask(get(path, "GET", BROWSER)).status == 401
    assert keyed.ask(get("/docs", "POST")).status == 401


def test_all_files_together_are_small_and_each_is_read_by_a_person() -> None:
    assert len(DOCUMENT.encode()) + sum(len(file.body) for file in FILES.values()) < LARGEST_BYTES
    for name in (*SCRIPTS, "page.css", "page.html"):
        lines = (FOLDER / name).read_text("utf-8").splitlines()
        assert len(lines) < LONGEST_LINES, name
        opening = lines[1 if name == "page.html" else 0]
        assert re.match(r"(//|/\*|<!--) Owns ", opening), name


def test_nothing_stands_in_line_and_nobody_else_is_asked() -> None:
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=|javascript:", DOCUMENT)
    assert set(re.findall(r'(?:src|href)="(/static/[^"]+)"', DOCUMENT)) >= {f"/static/{name}" for name in SCRIPTS}
    for name, file in FILES.items():
        if name.endswith((".css", ".js")):
            assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)[\w.]+", file.body), name


def test_no_text_becomes_markup() -> None:
    sink = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|setHTML"
    assert [name for name in SCRIPTS if re.search(sink, FILES[name].body.decode())] == []


def test_every_error_code_stands_in_it_beside_its_status() -> None:
    rows = re.findall(r"<tr><td>([\d, ]+)<td>(.*?)<td>", DOCUMENT)
    told = {code: statuses for statuses, codes in rows for code in re.findall(r"<code>(\w+)</code>", codes)}
    assert set(told) == set(CODES)
    assert all(str(STATUS[code]) in told[code] for code in CODES)


def test_every_link_of_it_answers(door: Door) -> None:
    links = set(re.findall(r'href="(/[^"]*)"', DOCUMENT))
    assert {"/openapi.json", "/metrics", "/health", "/models"} <= links
    assert {link: door.ask(get(link)).status for link in links} == dict.fromkeys(links, 200)
