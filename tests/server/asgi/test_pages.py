"""The page's pure scripts, in node: whatever a model is called, each call stays one program that sends that row."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import shutil
import subprocess
from functools import cache
from random import Random
from typing import Any

import pytest

from server.asgi.page_routes import FOLDER

NODE = shutil.which("node") or ""
pytestmark = pytest.mark.skipif(not NODE, reason="there is no node")

TEXTS = [
    "'; touch hacked; '",
    '"); import os; os._exit(3)  # ',
    "$(exit 3)`exit 3`${process.exit(3)}",
    "</script><img src=x onerror=alert(1)>",
    "\\",
    '\\"',
    "line\nbreak\r\n\ttab\u2028\u2029\x7f\x00\x1f",
    "\ud800",
    ')-")--")---"',
    "=cmd|' /C calc'!A0",
    "__proto__",
    "constructor",
    "True false null",
    "",
    "%s %(a)s {0} {{}} #{1} \\N{DIGIT ONE} \\x41",
    "12345678901234567 1e999",
]
NUMBERS = ["12345678901234567", "-0", "1e300", "0.1", "5", "-.5"]
SHORT = ["1234567890123", "-0", "1e30", "0.8414709848078965", "5", "-.5"]
ORIGINS = ["http://localhost:8000", "https://[::1]:8000", "http://$(exit)&x;'y'*!(z).localhost:8000"]

SCRIPT = """
import { readFileSync } from "node:fs";
const { snippets } = await import(`${process.argv[1]}/snippets.js`);
const { bodyOf } = await import(`${process.argv[1]}/row.js`);
const { csvLine, CsvReader, harmless, meant } = await import(`${process.argv[1]}/csv.js`);
const { calls, tables } = JSON.parse(readFileSync(0, "utf8"));
const made = calls.map(({ origin, keyed, fields, texts }) => {
  const [{ name }] = fields;
  const model = { name: "m", features: fields, inputs: [{ name, dtype: "string" }], outputs: [{ name }] };
  const body = bodyOf(model, fields, texts);
  const path = "/models/m/predict";
  return { body, programs: snippets({ origin, path, body, keyed, model, fields, texts }) };
});
const read = tables.map((rows) => {
  const reader = new CsvReader();
  const text = rows.map((cells) => csvLine(cells.map(harmless))).join("");
  return { text, cells: [...reader.push(text), ...reader.end()].map((cells) => cells.map(meant)) };
});
console.log(JSON.stringify({ made, read }));
"""


def is_number(text: str) -> bool:
    """A number of ours, with what follows it where the comma separates nothing."""
    return re.match(r"[+-]?\d+(\.\d+)?\s*(,|$)", text) is not None


def fields(name: str) -> list[dict[str, Any]]:
    kinds = [("string", name), *(("float64", f"n{at}") for at in range(len(NUMBERS)))]
    return [{"name": named, "dtype": dtype, "nullable": False, "categories": None} for dtype, named in kinds]


CALLS = [
    {"origin": origin, "keyed": keyed, "fields": fields(text), "texts": [text, *(SHORT if keyed else NUMBERS)]}
    for origin, keyed in zip(ORIGINS, (False, True, False), strict=True)
    for text in TEXTS
]
DICE = Random(11)
THROWN = [["".join(DICE.choices("=+-@;,|\t\n'\"x1 ", k=DICE.randint(1, 7))) for _ in range(3)] for _ in range(400)]
TABLES = [
    *([[text, "b"], ["1", text]] for text in TEXTS),
    [["a;b;c", "d,e", "f\tg"], ["1", ";=1+1;", "\t=2"]],
    [["a", "b", "c"], *(row for row in THROWN if any(map(str.strip, row)))],
]


@cache
def answer() -> dict[str, Any]:
    given = json.dumps({"calls": CALLS, "tables": TABLES})
    command = (NODE, "--input-type=module", "-e", SCRIPT, str(FOLDER))
    run = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def programs(language: str) -> list[tuple[dict[str, Any], str, str]]:
    """Each call with its body and its program."""
    return [
        (call, made["body"], next(each["text"] for each in made["programs"] if each["name"] == language))
        for call, made in zip(CALLS, answer()["made"], strict=True)
    ]


def url(call: dict[str, Any]) -> str:
    return f"{call['origin']}/models/m/predict"


def test_the_shell_runs_curl_alone_with_the_body() -> None:
    for call, body, program in programs("curl"):
        stub = "curl() { printf '%s\\0' \"$@\"; }\nDYNONNX_KEY=k\n"
        run = subprocess.run(("sh", "-c", stub + program), capture_output=True, timeout=60, check=False)
        assert run.returncode == 0, (program, run.stderr)
        key = ["-H", "Authorization: Bearer k"] if call["keyed"] else []
        wanted = ["-s", url(call), "-H", "Content-Type: application/json", *key, "-d", body, ""]
        assert run.stdout.decode().split("\0") == wanted


def test_python_sends_the_row() -> None:
    for call, body, program in programs("Python"):
        calls = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
        (post,) = [node for node in calls if ast.unparse(node.func) == "requests.post"]
        (given,) = [keyword.value for keyword in post.keywords if keyword.arg == "json"]
        assert (ast.literal_eval(post.args[0]), ast.literal_eval(given)) == (url(call), json.loads(body))


def test_tritonclient_is_one_program_with_these_values() -> None:
    for call, _, program in programs("tritonclient"):
        texts = [node.value for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Constant)]
        assert call["fields"][0]["name"] in texts
        assert call["texts"][0] in texts


def test_javascript_sends_the_row() -> None:
    checked = """
    globalThis.process.env.DYNONNX_KEY = "k";
    const sent = [];
    globalThis.fetch = async (url, { body }) => { sent.push([url, body]); return { json: async () => 0 }; };
    console.log = () => {};
    """
    parts = [f"await (async () => {{\n{program}\n}})();" for _, _, program in programs("JavaScript")]
    script = "\n".join([checked, *parts, "process.stdout.write(JSON.stringify(sent));"])
    run = subprocess.run(
        (NODE, "--input-type=module"), input=script, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    for (call, body, _), (asked, sent) in zip(programs("JavaScript"), json.loads(run.stdout), strict=True):
        assert (asked, json.loads(sent)) == (url(call), json.loads(body))


def test_r_tells_the_same_json_or_sends_it_as_it_stands() -> None:
    for _, body, program in programs("R"):
        raw = re.search(r'req_body_raw\(r"(-+)\((.*)\)\1", "application/json"\) \|>\n', program, re.DOTALL)
        if raw is not None:
            assert raw[2] == body
            assert f'){raw[1]}"' not in body
        else:
            assert "\\u0000" not in program
            assert not re.search(r"\\ud[89a-f]", program)
            assert "12345678901234567" not in body


def test_a_table_is_read_as_it_was_written_and_runs_nowhere() -> None:
    for rows, read in zip(TABLES, answer()["read"], strict=True):
        assert read["cells"] == rows
        for sign in ",;\t|":  # as the spreadsheets of different countries split it
            split = csv.reader(io.StringIO(read["text"], newline=""), delimiter=sign)
            cells = [cell for row in split for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-")) and not is_number(cell)]
