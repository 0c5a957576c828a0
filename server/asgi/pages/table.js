// Owns many rows: a CSV is read piece by piece, sent in portions, shown with predictions and errors, and saved.

import { mainOf, table } from "./answer.js";
import { csvLine, CsvReader, harmless, meant } from "./csv.js";
import { h } from "./dom.js";
import { faultOf, jsonOf, textOf } from "./row.js";
import { predict } from "./server.js";
import { count, counted, few, figure, percent } from "./words.js";

const PORTION_ROWS = 500;
const PORTION_VALUES = 20_000;
const SHOWN_ROWS = 100;
const SHOWN_COLUMNS = 8;
const MOST_HALVINGS = 400; // of portions with a row that the server refuses, in one file
const TRIES = 6; // where the server is full

// Asks a model for the rows of one file.
export class TableRun {
  halvings = 0;
  rows = 0;
  wrong = 0;
  unknown = new Map(); // by feature: how many cells hold a value that the model does not know
  seconds = 0;
  shown = [];
  faulty = [];

  constructor(model, fields, file, changed) {
    Object.assign(this, { model, fields, file, changed, stopping: new AbortController() });
    this.portion = Math.max(1, Math.min(PORTION_ROWS, Math.floor(PORTION_VALUES / fields.length)));
  }

  // Reads, asks, and gives the table with its answers as a Blob. Raises Error with a sentence.
  async run() {
    const reader = new CsvReader(), parts = [];
    let waiting = [];
    const began = performance.now();
    const take = async (rows) => {
      for (const cells of rows) {
        if (!this.places) this.readHeader(cells, parts);
        else waiting.push(cells);
      }
      while (waiting.length >= this.portion) parts.push(await this.answer(waiting.splice(0, this.portion)));
    };
    const pieces = this.file.stream().pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await pieces.read();
      await take(done ? reader.end() : reader.push(value));
      if (done) break;
    }
    if (!this.places) throw new Error("The file is empty.");
    while (waiting.length) parts.push(await this.answer(waiting.splice(0, this.portion)));
    this.seconds = (performance.now() - began) / 1000;
    return new Blob(parts, { type: "text/csv" });
  }

  readHeader(names, parts) {
    const trimmed = names.map((name, at) => [meant(name.trim()), at]);
    const places = new Map([...trimmed, ...names.map((name, at) => [meant(name), at])]); // a feature may begin with a blank
    const lacking = this.fields.filter((field) => !places.has(field.name)).map((field) => field.name);
    if (lacking.length) throw new Error(`The first line of the file must name the columns. It lacks ${few(lacking)}.`);
    this.places = this.fields.map((field) => places.get(field.name));
    this.unused = names.filter((_, at) => !this.places.includes(at));
    this.header = names;
    parts.push(csvLine([...names, "prediction", "probability", "error"]));
  }

  // Lines of CSV for a portion of rows.
  async answer(rows) {
    const found = rows.map((cells) => ({ cells, error: this.faultOf(cells) }));
    const good = found.filter(({ error }) => !error);
    const answers = good.length ? await this.ask(good.map(({ cells }) => this.json(cells))) : [];
    good.forEach((row, at) => Object.assign(row, answers[at]));
    for (const row of found) this.keep(row);
    this.changed();
    return found.map(({ cells, prediction = "", probability = "", error = "" }) => csvLine([...this.header.map((_, at) => cells[at] ?? ""), harmless(prediction), probability, harmless(error)])).join("");
  }

  keep(row) {
    this.rows += 1;
    row.number = this.rows;
    if (row.error) this.wrong += 1;
    if (row.error && this.faulty.length < SHOWN_ROWS) this.faulty.push(row);
    if (this.shown.length < SHOWN_ROWS) this.shown.push(row);
  }

  faultOf(cells) {
    if (cells.length !== this.header.length) return `${counted(cells.length, "cell")} where the first line has ${this.header.length}`;
    for (const [at, field] of this.fields.entries()) {
      const fault = faultOf(field, meant(cells[this.places[at]]));
      if (fault?.unknown) this.unknown.set(field.name, (this.unknown.get(field.name) || 0) + 1);
      if (fault?.error) return `${field.name}: ${fault.error}`;
    }
    return "";
  }

  json(cells) {
    return `[${this.fields.map((field, at) => jsonOf(field, meant(cells[this.places[at]]))).join(",")}]`;
  }

  // The answers to rows; those of a refused portion are asked in halves, so that each error finds its row.
  async ask(rows, tries = TRIES) {
    const path = `${this.model.path}/predict`;
    try {
      const { value } = await predict(path, `{"features":[${rows.join(",")}]}`, this.stopping.signal);
      const main = mainOf(value);
      return rows.map((_, at) => ({ prediction: textOf(value.outputs ? onlyRow(main, at) : main[at]), probability: value.probability ? textOf(value.probability[at]) : "" }));
    } catch (error) {
      if (!error.code) throw error;
      if ([429, 503].includes(error.status) && error.code !== "model_unavailable" && tries > 1) {
        await new Promise((resolve) => setTimeout(resolve, 1000 * (error.retryAfter || 1)));
        return this.ask(rows, tries - 1);
      }
      if (![408, 413, 422, 500, 504].includes(error.status)) throw error;
      if (rows.length === 1 || this.halvings >= MOST_HALVINGS) return rows.map(() => ({ error: error.message }));
      this.halvings += 1;
      if (error.status === 413) this.portion = Math.max(1, Math.ceil(this.portion / 2));
      const middle = rows.length >> 1;
      return [...(await this.ask(rows.slice(0, middle))), ...(await this.ask(rows.slice(middle)))];
    }
  }
}

const onlyRow = (outputs, at) => Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, values[at]]));

// The part of a page where a CSV is dropped.
export function tableNode(model, fields) {
  const input = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", "aria-label": "a CSV file", onchange: () => input.files[0] && start(input.files[0]) });
  const zone = h("label", { class: "drop" }, h("strong", null, "Drop a CSV here, or ", h("span", { class: "choose" }, "choose a file")), h("span", { class: "soft" }, "Its first line names the columns. It is sent to this server in portions, and to nobody else."), input);
  const place = h("div", { class: "many" }), status = h("p", { class: "status", role: "status" });
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  for (const [name, on] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) zone.addEventListener(name, over(on));
  zone.addEventListener("drop", (event) => event.dataTransfer.files[0] && start(event.dataTransfer.files[0]));
  let running = null;

  async function start(file) {
    running?.stopping.abort();
    const run = (running = new TableRun(model, fields, file, () => running === run && draw(run)));
    const stop = h("button", { type: "button", class: "quiet", onclick: () => run.stopping.abort() }, "Stop");
    place.replaceChildren(h("p", null, stop));
    status.textContent = `Reading ${file.name}.`;
    try {
      const blob = await run.run();
      if (running !== run) return;
      status.textContent = `${counted(run.rows, "row")} in ${figure(run.seconds)} s, ${run.wrong ? counted(run.wrong, "error") : "no error"}.`;
      place.replaceChildren(save(blob, `${file.name.replace(/\.\w+$/, "")}-predictions.csv`), ...result(run));
    } catch (error) {
      if (running !== run) return;
      status.replaceChildren(h("span", { class: "bad" }, error.name === "AbortError" ? `Stopped after ${counted(run.rows, "row")}.` : error.message));
      place.replaceChildren(...(run.rows ? result(run) : []));
    }
    input.value = "";
  }

  function draw(run) {
    status.textContent = `${counted(run.rows, "row")} so far, ${run.wrong ? counted(run.wrong, "error") : "no error"}.`;
  }

  const sample = (model.examples || []).length
    ? h("p", { class: "soft" }, "None at hand? ", saveLink("Take one with golden rows", () => sampleOf(model, fields), `${model.name}.csv`), ".")
    : null;
  return h("div", null, zone, sample, status, place);
}

function sampleOf(model, fields) {
  return new Blob([fields.map((field) => field.name), ...model.examples.map((row) => row.map(textOf))].map((cells) => csvLine(cells.map(harmless))), { type: "text/csv" });
}

function save(blob, name) {
  return h("p", null, saveLink("Save the table with predictions", () => blob, name, "button"));
}

function saveLink(text, blobOf, name, look = "quiet link") {
  return h("button", { type: "button", class: look, onclick: () => {
    const address = URL.createObjectURL(blobOf());
    h("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } }, text);
}

function result(run) {
  const columns = run.header.slice(0, SHOWN_COLUMNS), chance = run.shown.some((row) => row.probability);
  const head = ["Row", "Prediction", ...(chance ? ["Probability"] : []), ...columns];
  const lines = (rows) => table(head, rows.map((row) => [
    count(row.number),
    row.error ? h("span", { class: "bad" }, row.error) : h("strong", null, row.prediction),
    ...(chance ? [row.probability === undefined || row.probability === "" ? "" : percent(Number(row.probability))] : []),
    ...row.cells.slice(0, SHOWN_COLUMNS),
  ]));
  const cells = [...run.unknown.values()].reduce((sum, each) => sum + each, 0), places = [...run.unknown].map(([name, each]) => `${name} (${count(each)})`);
  const notes = [
    run.unused.length ? `Not used: ${few(run.unused)}.` : "",
    run.rows > SHOWN_ROWS ? `The first ${SHOWN_ROWS} rows; the saved table has all.` : "",
  ].filter(Boolean);
  return [
    cells ? h("p", { class: "warn" }, `${counted(cells, "cell")} ${cells === 1 ? "holds a value" : "hold values"} that the model does not know: ${few(places)}. The answers are those for any unknown value.`) : null,
    run.wrong ? h("details", { open: run.wrong < 6 }, h("summary", null, `Rows with an error (${count(run.wrong)})`), lines(run.faulty)) : null,
    lines(run.shown),
    notes.length ? h("p", { class: "soft" }, notes.join(" ")) : null,
  ].filter(Boolean);
}
