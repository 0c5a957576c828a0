// Owns the section of one model: what it is, what proves it, the form, the calls, what it takes.

import { answerNodes, refusalNodes, table } from "./answer.js";
import { breakable, h, tabs } from "./dom.js";
import { RowForm } from "./form.js";
import { ModelLive } from "./live.js";
import { bodyOf, fieldsOf, rangeOf } from "./row.js";
import { hasKey, predict } from "./server.js";
import { snippets } from "./snippets.js";
import { tableNode } from "./table.js";
import { count, counted, duration, few, named, shown } from "./words.js";

const KINDS = {
  classifier: "Classifier: says which class a row belongs to",
  regressor: "Regressor: gives a number for a row",
  outlier_detector: "Outlier detector: says whether a row is unusual",
  clusterer: "Clusterer: says which group a row belongs to",
  transformer: "Transformer: gives new columns for a row",
  onnx: "ONNX model: not made by dynonnx",
};
const FEATURES_SHOWN = 200;

// {node, live, sha256} of a described version. `listed`: its lines in `GET /models`; `isDefault`: `/predict` asks it too.
export function modelSection(model, listed, isDefault) {
  const fields = fieldsOf(model);
  const live = new ModelLive(model.name);
  const node = h("article", null,
    heading(model, isDefault), ...refusals(listed),
    certificate(model),
    ...(fields ? trying(model, fields) : [h("p", { class: "soft" }, "This model takes tensors rather than rows: call it by the Open Inference Protocol, ", h("code", null, `/v2/models/${model.name}/infer`), ".")]),
    live.node,
    h("h3", null, "What it takes"), ...takes(model, fields),
    h("h3", null, "About this file"), facts(model));
  return { node, live, sha256: model.sha256 };
}

function heading(model, isDefault) {
  const versions = model.versions.length > 1
    ? h("select", { "aria-label": "version", onchange: (event) => { location.hash = `${model.name}/${event.target.value}`; } },
      model.versions.map((version, at) => h("option", { value: version, selected: version === model.version }, `version ${version}${at ? "" : ", serves"}`)))
    : h("span", null, `Version\u00a0${model.version}`);
  return h("header", { class: "model-head" }, h("h2", { tabindex: -1 }, breakable(model.name)),
    h("p", { class: "soft" }, KINDS[model.kind] || model.kind, ". ", versions, isDefault ? h("span", null, ". Answers ", h("code", null, "/predict"), " too.") : "."));
}

function refusals(listed) {
  return listed.filter((row) => row.reason).map((row) => h("p", { class: "refusal" },
    h("strong", null, `Version ${row.version} ${row.ready ? "has a new file that is refused" : "does not serve"}. `), row.reason));
}

function certificate(model) {
  const { parity, golden_rows_checked: golden } = model, proven = parity?.rows && !parity.wrong;
  const title = proven ? "Answers as the original does" : parity?.rows ? "Compared with the original" : "Not compared with an original";
  const words = [];
  if (parity?.rows) {
    words.push(`${count(parity.rows)} rows were put to the original model and to this file: ${parity.wrong ? `${counted(parity.wrong, "answer")} differed` : "no answer differed"}.`);
    if (parity.worst != null) words.push(`Numbers may differ by one part in 100,000; the most that was seen is ${parity.worst < 1e-4 ? "under 0.01 %" : `${(100 * parity.worst).toPrecision(2)} %`} of that.`);
    if (parity.ties) words.push(`In ${counted(parity.ties, "row")} two answers were equally right.`);
    if (parity.accidents) words.push(`Not counted: ${counted(parity.accidents, "row")} whose neighbours are equally near, so that the original itself answers by whichever it meets first.`);
    if (parity.company) words.push(`This is its answer to each row alone: of ${count(parity.company.rows)} rows together the original answers ${count(parity.company.differ)} otherwise.`);
  } else {
    words.push(model.features ? "The file keeps no proof." : "It is an ONNX file from elsewhere, of which nothing more is known than that it runs.");
  }
  if (parity?.rows) words.push("So the file says of itself; python -m convert verify asks the original again.");
  if (golden) words.push(`Before each start it answers ${counted(golden, "golden row")} again, rows whose right answers are kept in the file.`);
  return h("section", { class: `certificate ${proven ? "proven" : ""}`, "aria-label": "proof" },
    h("span", { class: "seal", "aria-hidden": "true" }, proven ? "✓" : "?"), h("div", null, h("h3", null, title), h("p", null, words.join(" "))));
}

function trying(model, fields) {
  const place = h("div", { class: "answer", role: "status" }, h("p", { class: "soft" }, "Change what you like, then predict. The answer stands here."));
  const code = h("div", { class: "code" });
  let drawing = 0;
  const changed = () => {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(drawCode);
  };
  const form = new RowForm(model, fields, changed);
  const body = () => bodyOf(model, fields, form.texts);
  const go = h("button", { type: "submit", class: "button" }, "Predict");
  const ask = async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      place.replaceChildren(...answerNodes(await predict(`${model.path}/predict`, body()), model.kind));
      changed(); // there may be a key now
    } catch (error) {
      place.replaceChildren(...refusalNodes(error));
    }
    go.disabled = false;
  };
  let language = 0;
  function drawCode() {
    const made = snippets({ origin: location.origin, path: `${model.path}/predict`, body: body(), keyed: hasKey(), model, fields, texts: form.texts });
    made.forEach(({ text }, at) => { panels[at].querySelector("code").textContent = text; });
  }
  const names = snippets({ origin: location.origin, path: "", body: "{}", model, fields, texts: form.texts });
  const panels = names.map(() => h("div", null, h("pre", { tabindex: 0 }, h("code")), copyButton()));
  code.append(tabs("language", names.map(({ name }, at) => ({ name, panel: panels[at] })), (at) => { language = at; }), ...panels);
  drawCode();
  const one = h("form", { class: "one", novalidate: true, onsubmit: ask }, form.node, h("p", { class: "go" }, go));
  const single = h("div", { class: "try" }, one, place), many = tableNode(model, fields);
  return [h("h3", null, "Try it"), tabs("how many rows", [{ name: "One row", panel: single }, { name: "A table", panel: many }]), single, many,
    h("h3", null, "The same from a program"), code];
}

function copyButton() {
  const button = h("button", { type: "button", class: "copy", onclick: async () => {
    const text = button.parentNode.querySelector("code").textContent;
    button.textContent = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Select it");
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  return button;
}

function takes(model, fields) {
  const tensors = (of) => table(["Name", "Type", "Shape"], of.map((spec) => [h("code", null, spec.name), spec.dtype, spec.shape.map((size) => (size < 0 ? "rows" : size)).join(" × ")]));
  const inside = h("details", null, h("summary", null, "Tensors, for the Open Inference Protocol"), h("h4", null, "In"), tensors(model.inputs), h("h4", null, "Out"), tensors(model.outputs));
  if (!model.features) return [inside];
  const place = h("div", { class: "schema" });
  const draw = (wanted) => {
    const found = fields.map((field, at) => [field, at]).filter(([field]) => field.name.toLowerCase().includes(wanted));
    place.replaceChildren(table(["Place", "Feature", "Type", "Missing", "Values"], found.slice(0, FEATURES_SHOWN).map(([field, at]) => [
      h("span", { class: "soft" }, String(at)), field.name, { string: "text", bool: "true or false", int64: "whole number" }[field.dtype] || field.unit || "number",
      field.nullable ? "allowed" : "no", valuesOf(field)])), ...(found.length > FEATURES_SHOWN ? [h("p", { class: "soft" }, `and ${count(found.length - FEATURES_SHOWN)} more`)] : []));
  };
  draw("");
  const search = h("input", { type: "search", "aria-label": "find a feature in the list", placeholder: "Find", oninput: () => draw(search.value.trim().toLowerCase()) });
  const list = h("details", { open: fields.length <= 12 }, h("summary", null, counted(fields.length, "feature"), ", in order"), fields.length > 36 ? search : null, place);
  const ignored = model.ignored?.length ? h("p", { class: "soft" }, `Taken and not read: ${few(model.ignored)}.`) : null;
  return [list, ignored, inside].filter(Boolean);
}

function valuesOf(field) {
  if (field.categories) return few(field.categories.map(named), 40);
  if (field.knows) return `any; knows ${few(field.known.map(named), 40)}`;
  if (field.texts) return `golden rows hold ${few(field.texts)}`;
  return rangeOf(field) ? `golden rows hold ${rangeOf(field)}` : "any";
}

function facts(model) {
  const fact = (term, text, ...more) => h("div", null, h("dt", null, term), h("dd", null, text, more.map((line) => h("small", null, line))));
  const { cost, classes } = model, { original, ...producer } = model.producer ?? {}, micro = (us) => duration(us / 1e6);
  const sha = (text) => h("code", { title: text }, `${text.slice(0, 12)}…`);
  return h("dl", { class: "facts" },
    classes ? fact(Array.isArray(classes[0]) ? "Classes of each target" : counted(classes.length, "class").replace("classs", "classes"), few(classes.map(shown), 12)) : null,
    fact("Cost, learned while it serves", `${micro(cost.fixed_us + cost.row_us)} for one row`, `${micro(cost.fixed_us)} a run and ${micro(cost.row_us)} a row`),
    fact("Requests at the same time", model.batched ? "answered together" : "answered one by one", model.not_batched_because || "no row changes the answer of another"),
    model.producer ? fact("Made with", Object.entries(producer).map((pair) => pair.join(" ")).join(", "), model.created ? `on ${model.created.slice(0, 10)}` : "") : null,
    original ? fact("Proven against the answers of", original) : null,
    model.origin ? fact("Came from", model.origin) : null,
    model.source_sha256 ? fact("SHA-256 of the pickle", sha(model.source_sha256)) : null,
    fact("SHA-256 of the file", sha(model.sha256)));
}
