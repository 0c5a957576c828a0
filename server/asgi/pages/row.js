// Owns what a row is: its fields, what may stand in each, its JSON. Pure: knows no page and no server.

import { count, few, figure, named, shown } from "./words.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const WHOLE = /^[+-]?\d+$/;
const MANY_TEXTS = 12; // distinct golden texts above which a column is taken for free text
const MOST_NAMED = 50; // features that a request names
const SINCE_1970 = "seconds since 1970-01-01T00:00:00"; // the unit of a field of dates
const DATE = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?)?$/;
const ENOUGH_ROWS = 8; // golden rows below which they say nothing of a range

// The fields of a model's row, in order: {name, dtype, nullable, categories, known, texts, low, high, long};
// null where a row is not what the model takes. `categories`: all that it takes; `known`: what it was fitted with, where
// it takes more (the texts and numbers of these: `knows`); `texts`: what golden rows hold.
export function fieldsOf(model) {
  if (model.features) return model.features.map((feature, at) => ({ ...feature, ...seenOf(feature, at, model.examples || []) }));
  const [input] = model.inputs;
  if (model.inputs.length !== 1 || input.shape.length !== 2 || input.shape[1] < 0) return null;
  return Array.from({ length: input.shape[1] }, (_, at) => ({ name: `${input.name}[${at}]`, dtype: input.dtype, nullable: false, categories: null }));
}

function seenOf(feature, at, examples) {
  if (feature.known?.length) return { knows: new Set(feature.known) };
  const values = examples.map((row) => row[at]).filter((value) => value != null);
  if (feature.dtype === "string") {
    const texts = [...new Set(values)];
    const long = !feature.categories && texts.some((text) => text.length > 24 || /\s\S+\s/.test(text));
    return { long, texts: !long && texts.length < values.length && texts.length <= MANY_TEXTS ? texts.sort() : null };
  }
  const numbers = values.map(Number);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return numbers.length >= ENOUGH_ROWS && feature.dtype !== "bool" && low < high ? { low, high } : {};
}

// Which golden row stands there at first: made-up ones have accents, blanks, capitals and unknown values on purpose, so of
// documents the plainest, and the one with the fewest values that the model does not know.
export function firstExample(model, fields) {
  const rows = model.examples || [], long = fields.flatMap((field, at) => (field.long ? [at] : []));
  const known = fields.flatMap((field, at) => (field.knows ? [at] : []));
  const oddity = (row) => long.reduce((sum, at) => sum + (row[at] ?? "").replace(/[a-z ,.]/g, "").length, 0) + known.filter((at) => !fields[at].knows.has(row[at])).length;
  const odd = rows.map(oddity);
  return Math.max(0, odd.indexOf(Math.min(...odd)));
}

// What is typed for each field at first: golden row `at`, or something that the type takes.
export function exampleTexts(model, fields, at = 0) {
  const row = (model.examples || [])[at];
  return fields.map((field, position) => {
    if (row) return textFor(field, row[position]);
    return { string: "a", bool: "false" }[field.dtype] ?? "0";
  });
}

// A value as it is typed; a missing one is empty.
export const textOf = (value) => (value == null ? "" : shown(value));

export const isDate = (field) => field.unit === SINCE_1970;

// A value of a field as it is typed: seconds since 1970 as the date that they are, if that says it all.
export function textFor(field, value) {
  if (!isDate(field) || value == null || !Number.isInteger(value * 1000) || Math.abs(value) > 6e10) return textOf(value);
  return new Date(value * 1000).toISOString().replace(/(T00:00:00|:00)?\.000Z$|Z$/, "");
}

// The number that a typed text is; of a date its seconds, NaN for no such.
const numberOf = (field, text) => (isDate(field) && DATE.test(text) ? Date.parse(`${text.replace(" ", "T")}${text.length === 10 ? "T00:00" : ""}Z`) / 1000 : Number(text));

// A typed text as JSON; what does not fit the field goes out as text, and the server says why.
export function jsonOf(field, text) {
  if (text === "" && (field.nullable || field.dtype !== "string")) return "null";
  const known = field.categories?.find((category) => textFor(field, category) === text);
  if (known !== undefined || field.dtype === "string") return JSON.stringify(known ?? text);
  if (field.dtype === "bool") return /^(true|false)$/i.test(text) ? text.toLowerCase() : JSON.stringify(text);
  const trimmed = text.trim();
  if (!NUMBER.test(trimmed)) return JSON.stringify(text);
  // As it stands there, so that no digit is lost; JSON has no plus, no bare dot and no leading zeros.
  return trimmed.replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1").replace(/^(-?)\./, "$10.").replace(/\.(?=$|[eE])/, "");
}

const unknown = (field) => ({ unknown: true, warning: `the model does not know this value: it knows ${few(field.known.map(named), 6)}` });

// What is wrong with a typed text: {error} where the server refuses it, {warning} where it only looks odd, or null;
// `unknown` where the model answers as for any value that it was not fitted with.
export function faultOf(field, text) {
  if (text === "" && field.dtype !== "string") return field.nullable ? null : { error: "a value is due here" };
  if (text === "" && field.nullable) return null;
  if (field.categories && !field.categories.some((category) => textFor(field, category) === text)) {
    return { error: `the model knows only ${few(field.categories.map((category) => (isDate(field) ? textFor(field, category) : named(category))))}` };
  }
  if (field.dtype === "string") {
    if (field.knows && !field.knows.has(text)) return unknown(field);
    return field.texts && !field.texts.includes(text) ? { warning: "in no golden row: the model may not know it" } : null;
  }
  if (field.dtype === "bool") return /^(true|false)$/i.test(text) ? null : { error: "true or false is due" };
  const number = text.trim();
  if (field.dtype === "int64" && !WHOLE.test(number)) return { error: "a whole number is due" };
  const value = numberOf(field, number);
  if (isDate(field) ? Number.isNaN(value) : !NUMBER.test(number)) {
    if (isDate(field)) return { error: "a date is due, as 2024-02-29T10:30, or seconds since 1970" };
    return { error: number.includes(",") ? "a number is due, with a point: 1.5" : "a number is due" };
  }
  if (field.knows && !field.knows.has(value)) return unknown(field);
  if (field.low == null) return null;
  const room = field.high - field.low; // golden rows are a sample: only what lies far out looks odd
  if (value >= field.low - room && value <= field.high + room) return null;
  return { warning: `far from golden rows, ${rangeOf(field)}` };
}

// The range of a number in golden rows; "" where they say nothing.
export function rangeOf(field) {
  if (field.low == null) return "";
  return isDate(field) ? `${textFor(field, field.low)} to ${textFor(field, field.high)}` : `${figure(field.low)} to ${figure(field.high)}`;
}

// A pasted row as texts by position: JSON (a list, an object, a whole request) or a line of a table, with a header
// or without. Raises Error with a sentence.
export function readRow(text, fields) {
  const trimmed = text.trim();
  if (!trimmed) throw new Error("There is nothing to read.");
  if (/^[[{]/.test(trimmed)) return fromJson(trimmed, fields);
  const lines = trimmed.split(/\r?\n/);
  const separator = ["\t", ";", ","].find((sign) => lines[0].includes(sign)) || ",";
  const cells = lines.map((line) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")));
  if (cells.length > 1) return byName(Object.fromEntries(cells[0].map((name, at) => [name, cells[1][at] ?? ""])), fields);
  return inOrder(cells[0], fields);
}

function fromJson(text, fields) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error.message}`);
  }
  value = value?.features ?? value;
  while (Array.isArray(value) && value[0] !== null && typeof value[0] === "object") value = value[0];
  if (Array.isArray(value)) return inOrder(value.map(textOf), fields);
  return byName(Object.fromEntries(Object.entries(value).map(([name, of]) => [name, textOf(of)])), fields);
}

function inOrder(texts, fields) {
  if (texts.length === fields.length) return texts;
  throw new Error(`This row has ${count(texts.length)} values; the model takes ${count(fields.length)}.`);
}

function byName(row, fields) {
  const missing = fields.filter((field) => !Object.hasOwn(row, field.name)).map((field) => field.name);
  if (missing.length) throw new Error(`This row lacks ${few(missing)}.`);
  return fields.map((field) => row[field.name]);
}

// The body of a request for one row; by name, a feature a line, unless these are too many to be read.
export function bodyOf(model, fields, texts) {
  const values = texts.map((text, at) => jsonOf(fields[at], text));
  const named = model.features && fields.length <= MOST_NAMED;
  const row = named ? `{\n${values.map((value, at) => `    ${JSON.stringify(fields[at].name)}: ${value}`).join(",\n")}\n  }` : `[${values.join(", ")}]`;
  return `{"features": ${row}${hasProbabilities(model) ? ', "probabilities": true' : ""}}`;
}

export const hasProbabilities = (model) => model.outputs.some((output) => output.role === "probabilities");
