// Owns the same prediction as a program of each language. Pure: knows no page.

import { jsonOf } from "./row.js";

const NUMPY = { float64: "np.float64", float32: "np.float32", int64: "np.int64", bool: "np.bool_", string: "np.object_" };
const V2 = { float64: "FP64", float32: "FP32", float16: "FP16", int64: "INT64", int32: "INT32", bool: "BOOL", string: "BYTES" };

// [{name, text}] of a call: {origin, path, body, keyed, model, fields, texts}.
export function snippets(call) {
  const found = [
    { name: "curl", text: curl(call) },
    { name: "Python", text: requests(call) },
    { name: "tritonclient", text: triton(call) },
    { name: "JavaScript", text: javascript(call) },
    { name: "R", text: httr2(call) },
  ];
  return found.filter(({ text }) => text);
}

// What no shell reads anything into: a host name may hold dollars and brackets.
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const plain = (text) => (/^[\w:/.-]+$/.test(text) ? text : quoted(text));

function curl({ origin, path, body, keyed }) {
  const key = keyed ? ` \\\n  -H "Authorization: Bearer $DYNONNX_KEY"` : "";
  return `curl -s ${plain(origin + path)} \\\n  -H 'Content-Type: application/json'${key} \\\n  -d ${quoted(body)}`;
}

// JSON with other words for true, false and null.
function literal(body, words) {
  return body.replace(/"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/g, (token) => words[token] || token);
}

function requests({ origin, path, body, keyed }) {
  const key = keyed ? `    headers={"Authorization": "Bearer " + os.environ["DYNONNX_KEY"]},\n` : "";
  return `${keyed ? "import os\n\n" : ""}import requests

answer = requests.post(
    "${origin}${path}",
    json=${literal(body, { true: "True", false: "False", null: "None" })},
${key}    timeout=10,
)
answer.raise_for_status()
print(answer.json())`;
}

function triton({ origin, path, keyed, model, fields, texts }) {
  const inputs = tensorsOf(model, fields, texts);
  if (!inputs) return "";
  const { host, protocol } = new URL(origin);
  const made = inputs.map(({ name, values, dtype }) =>
    `    InferInput(${JSON.stringify(name)}, [1, ${values.length}], "${V2[dtype]}").set_data_from_numpy(\n        np.array([[${values.join(", ")}]], ${NUMPY[dtype] || `np.${dtype}`})\n    ),`);
  const version = /\/versions\/([^/]+)\//.exec(path);
  const more = [
    ...(version ? [`model_version=${JSON.stringify(version[1])}`] : []),
    ...(keyed ? [`headers={"Authorization": "Bearer " + os.environ["DYNONNX_KEY"]}`] : []),
  ];
  return `${keyed ? "import os\n\n" : ""}import numpy as np
from tritonclient.http import InferenceServerClient, InferInput

inputs = [
${made.join("\n")}
]
with InferenceServerClient("${host}"${protocol === "https:" ? ", ssl=True" : ""}) as client:
    result = client.infer("${model.name}", inputs${more.map((part) => `, ${part}`).join("")})
${model.outputs.map(({ name }) => `print(result.as_numpy(${JSON.stringify(name)}))`).join("\n")}`;
}

// The tensors of a row: features of one graph input stand together, in order.
function tensorsOf(model, fields, texts) {
  const tensors = new Map();
  fields.forEach((field, at) => {
    const name = field.input || model.inputs[0].name;
    const dtype = model.inputs.find((input) => input.name === name)?.dtype || field.dtype;
    if (!tensors.has(name)) tensors.set(name, { name, dtype, values: [] });
    tensors.get(name).values.push(pythonOf(field, jsonOf(field, texts[at])));
  });
  const found = [...tensors.values()];
  return found.every(({ dtype }) => V2[dtype]) && found;
}

function pythonOf(field, json) {
  if (json === "null") return field.dtype === "string" ? `"\\ufdd0"` : `float("nan")`; // missing, inside a tensor
  return { true: "True", false: "False" }[json] || json;
}

function javascript({ origin, path, body, keyed }) {
  const key = keyed ? `, Authorization: \`Bearer \${process.env.DYNONNX_KEY}\`` : "";
  return `const answer = await fetch("${origin}${path}", {
  method: "POST",
  headers: { "Content-Type": "application/json"${key} },
  body: ${isExact(body) && !body.includes('"__proto__"') ? `JSON.stringify(${body})` : JSON.stringify(body)},
});
console.log(await answer.json());`;
}

// Whether numbers of doubles alone can tell this JSON.
const isExact = (body) => !/(?<![\d.])\d{16}|\d[eE][+-]?\d{3}/.test(body);

// JSON as R's values, or as it stands: R's texts hold no NUL and no half of a pair, its lists no empty name.
function bodyOfR(body) {
  if (isExact(body) && !/\\u0000|\\ud[89a-f]|"":/.test(body)) return `req_body_json(${rOf(JSON.parse(body))})`;
  const dashes = "-".repeat(1 + Math.max(0, ...(body.match(/\)-*/g) || []).map((found) => found.length)));
  return `req_body_raw(r"${dashes}(${body})${dashes}", "application/json")`;
}

function httr2({ origin, path, body, keyed }) {
  const key = keyed ? `  req_auth_bearer_token(Sys.getenv("DYNONNX_KEY")) |>\n` : "";
  return `library(httr2)

answer <- request("${origin}${path}") |>
${key}  ${bodyOfR(body)} |>
  req_perform() |>
  resp_body_json()
str(answer)`;
}

function rOf(value) {
  if (value === null) return "NULL";
  if (typeof value === "boolean") return value ? "TRUE" : "FALSE";
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `list(${value.map(rOf).join(", ")})`;
  return `list(${Object.entries(value).map(([name, of]) => `${JSON.stringify(name)} = ${rOf(of)}`).join(", ")})`;
}
