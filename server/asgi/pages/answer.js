// Owns how an answer looks: the prediction, classes as bars, where the time went, or why there is none.

import { h } from "./dom.js";
import { count, duration, figure, percent, shown } from "./words.js";

const MOST = 12;
const STAGES = { parse: "reading", queue: "waiting", run: "the model", encode: "writing" };

// What `predict` of server.js gave, as nodes; `kind` of the model says what a bare number means.
export function answerNodes({ text, value, seconds, stages }, kind) {
  return [...predictionNodes(value, kind), timeNode(seconds, stages), h("details", { class: "raw" }, h("summary", null, "The answer as JSON"), h("pre", { tabindex: 0 }, text))];
}

export function refusalNodes(error) {
  if (!error.code) return [h("p", { class: "refusal" }, "No answer from this server. ", h("small", null, error.message))];
  const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  return [h("p", { class: "refusal" }, error.message, wait), h("p", { class: "soft" }, "Status ", String(error.status), ", code ", h("code", null, error.code), ".")];
}

// The parts of an answer that `/predict` may have; a model with several targets has lists.
export const mainOf = (found) => [found.prediction, found.transformed, found.outputs, found.scores].find((part) => part !== undefined);

function predictionNodes(found, kind) {
  const main = mainOf(found), chances = found.probabilities;
  if (found.outputs) return [table(["Output", "Value"], Object.entries(main).map(([name, of]) => [name, brief(of)]))];
  if (Array.isArray(chances)) {
    return chances.flatMap((of, at) => [h("h5", null, `Target ${at + 1}`), large(main[at]), bars(of)]);
  }
  if (Array.isArray(main)) {
    const [what, first] = found.transformed ? ["Place", 0] : ["Target", 1];
    return [table([what, "Value"], main.slice(0, 50).map((of, at) => [at + first, brief(of)])), more(main.length, 50)].filter(Boolean);
  }
  return [large(main), meaning(main, kind), chances ? bars(chances) : scores(found.scores)].filter(Boolean);
}

function large(value) {
  const number = typeof value === "number";
  return h("p", { class: "prediction", title: number ? String(value) : null }, number ? value.toLocaleString("en", { maximumSignificantDigits: 6 }) : shown(value));
}

function meaning(value, kind) {
  if (kind === "clusterer") return h("p", { class: "soft" }, "The group that this row belongs to.");
  if (kind !== "outlier_detector") return null;
  return h("p", { class: "soft" }, value === -1 ? "Unusual: an outlier." : "Usual: no outlier.");
}

const brief = (value) => (typeof value === "number" ? figure(value) : shown(value));
const more = (number, most) => (number > most ? h("p", { class: "soft" }, `and ${count(number - most)} more, in the JSON`) : null);

function scores(of) {
  if (of === undefined) return null;
  return h("p", { class: "soft" }, "Decision value ", Array.isArray(of) ? of.slice(0, MOST).map(figure).join(", ") : figure(of));
}

function bars(chances) {
  const sorted = Object.entries(chances).sort((a, b) => b[1] - a[1]);
  const rows = sorted.slice(0, MOST).map(([name, share]) => {
    const fill = h("b");
    fill.style.width = `${100 * (share || 0)}%`;
    return h("li", null, h("span", { class: "name" }, name), h("span", { class: "number" }, percent(share)), h("i", { "aria-hidden": "true" }, fill));
  });
  return h("div", null, h("ul", { class: "bars", "aria-label": "probability of each class" }, rows), more(sorted.length, MOST));
}

function timeNode(seconds, stages) {
  if (!stages.length) return h("p", { class: "time" }, "Answered in ", h("strong", null, duration(seconds)), ", there and back.");
  const inside = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const parts = [...stages.map((stage) => [STAGES[stage.name] || stage.name, stage.seconds]), ["the way here and back", Math.max(0, seconds - inside)]];
  const list = h("ul", { class: "stages", "aria-label": "time by stage" }, parts.map(([name, of], at) =>
    h("li", null, h("i", { class: `stage-${at}`, "aria-hidden": "true" }), name, " ", h("span", { class: "number" }, duration(of)))));
  const strip = h("div", { class: "strip", "aria-hidden": "true" }, parts.map(([, of], at) => {
    const part = h("i", { class: `stage-${at}` });
    part.style.flexGrow = String(1e6 * of); // below 1 in all they would not fill the strip
    return part;
  }));
  return h("div", { class: "time" }, h("p", null, "Answered in ", h("strong", null, duration(seconds)), "."), strip, list);
}

export function table(head, rows) {
  return h("div", { class: "scroll", tabindex: 0 }, h("table", null,
    h("thead", null, h("tr", null, head.map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", null, rows.map((row) => h("tr", null, row.map((cell) => h("td", null, typeof cell === "number" ? String(cell) : cell)))))));
}
