// Owns the live figures: which numbers of a sample are shown, of the server and of one model, and in which words.

import { Figure } from "./chart.js";
import { byId, h } from "./dom.js";
import { count, duration, few, figure, percent, rate, size, stretch } from "./words.js";

const total = (errors) => (typeof errors === "number" ? errors : Object.values(errors || {}).reduce((sum, each) => sum + each, 0));

function codes(errors) {
  if (!total(errors)) return "none";
  if (typeof errors === "number") return "";
  const sorted = Object.entries(errors).filter(([, each]) => each).sort((a, b) => b[1] - a[1]);
  return few(sorted.map(([code]) => code), 2);
}

// The four figures of a part of each sample: `of(sample)` is that part.
function figuresOf(of) {
  const timed = (sample, name) => of(sample)[name] ?? null;
  return [
    new Figure({
      title: "Requests a second",
      lines: [(sample) => of(sample).requests ?? 0],
      says: (sample) => [rate(of(sample).requests ?? 0), ""],
      scale: rate,
      least: 1,
    }),
    new Figure({
      title: "Time to answer",
      meaning: "Half of the requests took no longer than the large number, 95 and 99 of 100 no longer than p95 and p99.",
      lines: ["p50", "p95", "p99"].map((name) => (sample) => timed(sample, name)),
      says: (sample) => [duration(timed(sample, "p50")), timed(sample, "p99") == null ? "" : `p95 ${duration(timed(sample, "p95"))}, p99 ${duration(timed(sample, "p99"))}`],
      scale: duration,
    }),
    new Figure({
      title: "Rows per batch",
      meaning: "Requests that come together go through the model in one run: so many rows a run had.",
      lines: [(sample) => of(sample).rows_per_batch ?? null],
      says: (sample) => [figure(of(sample).rows_per_batch), of(sample).waiting ? `${count(of(sample).waiting)} wait` : of(sample).rows_per_batch == null ? "" : "none waits"],
      scale: figure,
      least: 1,
    }),
    new Figure({
      title: "Errors a second",
      lines: [(sample) => total(of(sample).errors)],
      says: (sample) => [rate(total(of(sample).errors)), codes(of(sample).errors)],
      scale: rate,
      tone: "errors",
    }),
  ];
}

// The figures of the whole server, drawn into the page.
export class ServerLive {
  figures = figuresOf((sample) => sample);

  constructor() {
    byId("figures").append(...this.figures.map((each) => each.node));
    this.workers = vital("Workers");
    this.connections = vital("Connections");
    this.busy = vital("Busy", true);
    this.memory = vital("Memory", true);
    byId("vitals").append(...[this.workers, this.connections, this.busy, this.memory].map((each) => each.node));
  }

  draw(history) {
    for (const each of this.figures) each.draw(history);
    const { last } = history;
    if (!last) return;
    byId("span").textContent = stretch(history.span);
    this.workers.say(count(last.workers));
    this.connections.say(count(last.connections));
    this.busy.say(percent(last.busy), last.busy);
    const limit = last.memory_limit;
    this.memory.say(limit ? `${size(last.memory)} of ${size(limit)}` : size(last.memory), limit ? last.memory / limit : null);
    byId("live").classList.remove("waiting");
  }
}

function vital(name, measured = false) {
  const said = h("dd", null, "–"), bar = h("b"), meter = measured ? h("i", { class: "meter", "aria-hidden": "true" }, bar) : null;
  return {
    node: h("div", null, h("dt", null, name), said, meter),
    say(text, share) {
      said.textContent = text;
      if (!meter) return;
      meter.hidden = share == null;
      bar.style.width = `${Math.min(100, 100 * (share || 0))}%`;
      meter.classList.toggle("full", share > 0.9);
    },
  };
}

// The figures of one model, for its own section.
export class ModelLive {
  constructor(name) {
    // A model may be called as what every object has.
    this.of = (sample) => (Object.hasOwn(sample.models || {}, name) ? sample.models[name] : null);
    this.figures = figuresOf((sample) => this.of(sample) || {});
    this.drawn = h("div", { class: "figures", hidden: true }, this.figures.map((each) => each.node));
    this.idle = h("p", { class: "soft" }, "Nobody asked it in this time.");
    this.span = h("span", null, "ten minutes");
    this.node = h("section", null, h("h3", null, "The last ", this.span), this.drawn, this.idle);
  }

  draw(history) {
    if (history.last) this.span.textContent = stretch(history.span);
    this.idle.hidden = history.samples.some((sample) => this.of(sample));
    this.drawn.hidden = !this.idle.hidden;
    if (this.drawn.hidden) return;
    for (const each of this.figures) each.draw(history);
  }
}
