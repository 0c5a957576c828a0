"""CSV: what a table may be, what is refused and how, and that the quick way reads what the careful way reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.metadata import Feature
from server.codecs.cells import converters
from server.codecs.csv import Table, most_columns, read_table
from server.codecs.slices import WINDOW_BYTES, finish
from server.errors import ServerError

MANY = 10_000
WIDTH = 3  # rows of more cells are the last that are read


def texts(body: bytes, max_rows: int = MANY) -> Table:
    """The table as texts: as if some column were no number."""
    return finish(read_table(body, False, max_rows, WIDTH))


def numbers(body: bytes, max_rows: int = MANY) -> Table:
    """The table where only numbers are wanted."""
    return finish(read_table(body, True, max_rows, WIDTH))


def refusal(body: bytes, max_rows: int = MANY, *, numeric: bool = False) -> str:
    """Code and message of what is refused."""
    with pytest.raises(ServerError) as caught:
        finish(read_table(body, numeric, max_rows, WIDTH))
    return f"{caught.value.code}: {caught.value}"


@pytest.mark.parametrize(
    ("body", "columns", "rows"),
    [
        (b"a,b\n1,2\n", ["a", "b"], [["1", "2"]]),
        (b"a,b\r\n1,2\r\n3,4", ["a", "b"], [["1", "2"], ["3", "4"]]),
        (b"a\r1\r2\r", ["a"], [["1"], ["2"]]),
        (b"\xef\xbb\xbfa,b\n1,2", ["a", "b"], [["1", "2"]]),
        (b'"a, b","say ""x"""\n"1\n2",\n', ["a, b", 'say "x"'], [["1\n2", ""]]),
        (b"\n\na,b\n\n1,2\n\n\n3,4\n\n", ["a", "b"], [["1", "2"], ["3", "4"]]),
        (b'a\n""\n', ["a"], [[""]]),
        ("stadt\nZürich \U0001f600\n".encode(), ["stadt"], [["Zürich \U0001f600"]]),
        (b"a\nx\0y\n", ["a"], [["x\0y"]]),
        (b"a,b\n1\n1,2,3\n", ["a", "b"], [["1"], ["1", "2", "3"]]),
        (b"a,b\n", ["a", "b"], []),
    ],
)
def test_tables_of_texts(body: bytes, columns: list[str], rows: list[list[str]]) -> None:
    assert texts(body) == Table(columns, rows, typed=False)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"a,b\n1,2\n", [[1, 2]]),
        (b"a,b\r\n-1.5e3,2\r\n3,4\r\n", [[-1500.0, 2], [3, 4]]),
        (b"\xef\xbb\xbfa,b\n1,2", [[1, 2]]),
        (b"a,b\n1\n1,2,3\n\n\n", [[1], [1, 2, 3]]),
    ],
)
def test_numbers_alone_are_read_at_once(body: bytes, rows: list[list[float]]) -> None:
    assert numbers(body) == Table(["a", "b"], rows, typed=True)


@pytest.mark.parametrize(
    "body",
    [
        b"a,b\n1,\n",
        b"a,b\n1,x\n",
        b"a,b\n1,true\n",
        b"a,b\n1,null\n",
        b"a,b\n1,2],[3,4\n",
        b'a,b\n1,"2"\n',
        b'"a",b\n1,2\n',
        b"a,b\n1,007\n",
        b"a,b\n+1,.5\n",
        b"a,b\n1.,2\n",
        b"a,b\n1,2\n\n3,4\n",
        b"a,b\n\n1,2\n",
        b"a,b\n1,\r2\n",
        b"a,b\n1, 2\n",
        b"\na,b\n1,2\n",
        b"a,b\n",
        b"a,b",
        b"a,b\n1e999,1\n",
        b"a,b\n1-2,1\n",
    ],
)
def test_whatever_else_is_read_cell_by_cell(body: bytes) -> None:
    assert numbers(body) == texts(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "bad_request: the body is empty; expected CSV with a header"),
        (b"\xef\xbb\xbf \r\n", "bad_request: the body is empty; expected CSV with a header"),
        (b'a,b\n1,"2\n3,4\n', "bad_request: the body is not CSV: unexpected end of data, line 3"),
        (b'a,b\n1,"2"x\n', "bad_request: the body is not CSV: ',' expected after '\"', line 2"),
        (b"a,b\n1,\xff\n", "bad_request: the body is not UTF-8 text: byte 6"),
        ("a,b\n1,2\n".encode("utf-16"), "bad_request: the body is not UTF-8 text: byte 0"),
        (b"a\n" + b"x" * 200_000, "bad_request: the body is not CSV: field larger than field limit (131072), line 2"),
    ],
)
def test_what_is_no_csv(body: bytes, message: str) -> None:
    assert refusal(body) == refusal(body, numeric=True) == message


@pytest.mark.parametrize("numeric", [True, False])
def test_as_many_rows_as_are_allowed(numeric: bool) -> None:
    assert len(finish(read_table(b"a\n1\n2\n\n", numeric, 2, WIDTH)).rows) == 2
    assert refusal(b"a\n1\n2\n3", 2, numeric=numeric) == "too_many_rows: there are more than the 2 rows allowed"


def test_of_a_million_columns_only_the_first_are_read() -> None:
    table = numbers(b",".join([b"a"] * 1_000_000) + b"\n" + b",".join([b"1"] * 1_000_000))
    assert table == Table(["a"] * most_columns(WIDTH), [], typed=False)


def test_a_row_of_a_million_cells_is_refused_unread() -> None:
    wide = b"a,b,c\n1,2,x\n" + b",".join([b"1"] * 1_000_000)
    assert refusal(wide) == "invalid_input: row 2: expected 3 values, got more than 1030"


CELLS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text("0123456789+-.eE\r[] ", max_size=4),
)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=4), st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
def test_the_quick_way_reads_what_the_careful_way_reads(rows: list[list[str]], end: str) -> None:
    body = end.join(["a,b", *(",".join(row) for row in rows)]).encode()
    quick, careful = numbers(body), texts(body)
    assert quick.columns == careful.columns
    number = converters([Feature("f", "float64", "f")])[0]
    for got, cells in zip(quick.rows, careful.rows, strict=True):
        assert [*map(float, got)] == [*map(number, cells)] if quick.typed else got == cells


def test_empty_lines_behind_the_rows_are_passed_in_slices() -> None:
    slices = read_table(b"a\n1\n" + b"\r\n" * (32 * WINDOW_BYTES), True, 10, 1)
    turns = sum(1 for _ in slices)
    assert turns >= 64


def test_a_body_is_neither_copied_nor_looked_through_at_once() -> None:
    for body in (b"a,b\n1,2\n", b"\xef\xbb\xbfa,b\n1,2", b"a,b\nx,\xc3\xa9\n"):
        for numeric in (True, False):
            wanted = finish(read_table(body, numeric, MANY, WIDTH))
            assert finish(read_table(bytearray(body), numeric, MANY, WIDTH)) == wanted
    blank = read_table(b"\n " * 4 * WINDOW_BYTES, True, MANY, WIDTH)
    assert [next(blank) for _ in range(8)] == [None] * 8
    with pytest.raises(ServerError, match="the body is empty"):
        finish(blank)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 7])
def test_the_first_byte_that_is_no_text_is_found_in_slices(at: int) -> None:
    text = b"a\n" + (b"x" * 99 + b"\n") * (WINDOW_BYTES // 80)
    good = text[: WINDOW_BYTES - 5 + at] + "\U0001f600".encode()
    assert refusal(good + b"\xff\n" + text) == f"bad_request: the body is not UTF-8 text: byte {len(good)}"
    assert refusal(good[:-1]).endswith(f"byte {len(good) - 4}")
