"""The docs page: one file, every error code, and safe from hostile model names."""

from __future__ import annotations

import re

import pytest

from server.errors import CODES, STATUS
from tests.support.integration.running import Running

LARGEST_BYTES = 25_000
ORIGINS = re.compile(r"https?://(?!www\.w3\.org/)[\w.]+")


@pytest.fixture(scope="module")
def page(served: Running) -> str:
    return served.ask("GET", "/docs").body.decode()


def test_it_is_one_small_file_that_asks_nobody_else(page: str) -> None:
    assert len(page.encode()) < LARGEST_BYTES
    assert not ORIGINS.search(page)
    assert "default-src 'none'" in page
    assert "connect-src 'self'" in page


def test_nothing_becomes_markup_that_was_text(page: str) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", page)


def test_every_error_code_stands_in_it_beside_its_status(page: str) -> None:
    rows = re.findall(r"<tr><td>([\d, ]+)<td>(.*?)<td>", page)
    told = {code: statuses for statuses, codes in rows for code in re.findall(r"<code>(\w+)</code>", codes)}
    assert set(told) == set(CODES)
    assert all(str(STATUS[code]) in told[code] for code in CODES)


def test_every_link_of_it_answers(served: Running, page: str) -> None:
    links = set(re.findall(r'href="(/[^"]*)"', page))
    assert {"/openapi.json", "/metrics", "/health", "/models"} <= links
    assert {link: served.ask("GET", link).status for link in links} == dict.fromkeys(links, 200)
