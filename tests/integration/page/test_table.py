"""A CSV on the page: predictions as the server gives them, an error at its row, a table to save, portions."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.integration.page.conftest import Visit
from tests.support.server.doors import Door, post

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload, Page

HEADER = "petal width (cm),sepal length (cm),sepal width (cm),petal length (cm),note"


def drop(page: Page, text: str, name: str = "flowers.csv") -> None:
    """Chooses a file of this text."""
    page.get_by_role("tab", name="A table").click()
    file: FilePayload = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("a CSV file").set_input_files(file)


def saved(page: Page) -> list[dict[str, str]]:
    """The rows of the table that is saved."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save the table with predictions").click()
    return list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text("utf-8"))))


def test_every_row_gets_its_prediction_or_its_error(door: Door, visit: Visit) -> None:
    page = visit(door, "/#iris", allowed=[413])  # portions are too large at first
    lines = [f'{0.2 + at % 3},{5 + at / 100},3.5,{1.4 + 2 * (at % 3)},"\'{at},"""' for at in range(250)]
    lines[7] = lines[7].replace("3.5", "wide")
    lines[9] = "1,2"
    drop(page, "\ufeff" + "\r\n".join([HEADER, *lines]))
    page.get_by_text("250 rows in").wait_for()
    assert "2 errors" in page.locator("[role=tabpanel]:visible .status").inner_text()
    found = saved(page)
    assert len(found) == 250
    assert found[7]["error"] == "sepal width (cm): a number is due"
    assert found[9]["error"] == "2 cells where the first line has 5"
    assert found[3]["note"] == "'3,\""
    names = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    asked = [row for row in found if not row["error"]][:100]
    body = orjson.dumps({"features": [{name: float(row[name]) for name in names} for row in asked]})
    told = orjson.loads(door.ask(post(body, "/models/iris/predict")).body)
    assert [row["prediction"] for row in asked] == told["prediction"]
    assert [float(row["probability"]) for row in asked] == told["probability"]
    assert page.get_by_text("Not used: note. The first 100 rows; the saved table has all.").count() == 1


def test_what_only_the_server_refuses_is_found_in_halves(door: Door, visit: Visit) -> None:
    page = visit(door, "/#plain", allowed=[413, 422])
    page.get_by_role("tab", name="A table").click()
    rows = ["1,2,3"] * 60
    rows[41] = "1,1e39,3"  # beyond float32, which the page does not know
    drop(page, "\n".join(["X[0],X[1],X[2]", *rows]))
    page.get_by_text("60 rows in").wait_for()
    found = saved(page)
    assert [at for at, row in enumerate(found) if row["error"]] == [41]
    assert orjson.loads(found[0]["prediction"]) == {"doubled": [3, 5, 7]}


PLANS = ["lead", "gold", "", "x"]  # of which the model knows the second; the third is missing


def test_cells_that_the_model_does_not_know_are_counted(door: Door, visit: Visit) -> None:
    page = visit(door, "/#mixed")
    city = page.get_by_label("city").locator("option").first.inner_text()
    drop(page, "\n".join(["plan,age,city,visits,member", *(f"{plan},1,{city},2,true" for plan in PLANS)]))
    page.get_by_text("4 rows in").wait_for()
    assert "2 cells hold values that the model does not know: plan (2)" in page.locator(".many .warn").inner_text()
    assert {row["error"] for row in saved(page)} == {""}


@pytest.mark.slow
def test_a_file_without_the_columns_is_told_which(door: Door, visit: Visit) -> None:
    page = visit(door, "/#iris")
    drop(page, "sepal length (cm);petal width (cm)\n1;2\n")
    page.get_by_text("It lacks sepal width (cm), petal length (cm).").wait_for()
    drop(page, "")
    page.get_by_text("The file is empty.").wait_for()


@pytest.mark.slow
def test_golden_rows_make_a_file_to_start_with(door: Door, visit: Visit) -> None:
    page = visit(door, "/#mixed")
    page.get_by_role("tab", name="A table").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Take one with golden rows").click()
    text = Path(waiting.value.path()).read_text("utf-8")
    assert waiting.value.suggested_filename == "mixed.csv"
    drop(page, text, "mixed.csv")
    page.get_by_text(f"{len(text.splitlines()) - 1} rows in").wait_for()
    assert page.get_by_text("no error.").count() == 1


def test_no_cell_of_ours_is_a_formula(modules: Page) -> None:
    texts = ["=1+1", "+cmd", "@x", "-2+3", "-2.5", "setosa", "\tx", "\r=1", "\n=1", "\uff1d1+1", "'a", ""]
    harmless = """async (texts) => texts.map((await import("/static/csv.js")).harmless)"""
    told = modules.evaluate(harmless, texts)
    assert told[:7] == ["'=1+1", "'+cmd", "'@x", "'-2+3", "-2.5", "setosa", "'\tx"]
    assert told[7:] == ["'\r'=1", "'\n'=1", "'\uff1d1+1", "'a", ""]
    meant = """async (cells) => cells.map((await import("/static/csv.js")).meant)"""
    assert modules.evaluate(meant, told) == texts, "a table of ours is read as it was meant"


def test_no_cell_of_a_models_golden_rows_is_a_formula(modules: Page) -> None:
    """Nor a name of its columns; and the page reads the file that it gave."""
    told = modules.evaluate(
        """async () => {
          const { tableNode, TableRun } = await import("/static/table.js");
          const { CsvReader } = await import("/static/csv.js");
          const made = [];
          URL.createObjectURL = (blob) => (made.push(blob), "blob:none");
          Element.prototype.click = () => {};
          const model = { name: "m", examples: [["=1+1", 2], ["-x", -2.5]] };
          const fields = [{ name: "=a", dtype: "string" }, { name: "b", dtype: "float64" }];
          tableNode(model, fields).querySelector("p button").dispatchEvent(new Event("click"));
          const text = await made[0].text(), run = new TableRun(model, fields, null, () => {});
          const [names, ...rows] = new CsvReader().push(text);
          run.readHeader(names, []);
          return [text, rows.map((cells) => run.json(cells))];
        }"""
    )
    assert told == ["'=a,b\r\n'=1+1,2\r\n'-x,-2.5\r\n", ['["=1+1",2]', '["-x",-2.5]']]


PIECES = ['a,"b\n""c"""', ",\r\n1,", '"', 'x"', ",3\n\n", "4,5,6"]


def test_a_quote_or_a_line_may_end_in_another_piece(modules: Page) -> None:
    rows = modules.evaluate(
        """async (pieces) => {
          const { CsvReader } = await import("/static/csv.js");
          const reader = new CsvReader();
          return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
        }""",
        PIECES,
    )
    assert rows == [row for row in csv.reader(io.StringIO("".join(PIECES), newline="")) if row]
