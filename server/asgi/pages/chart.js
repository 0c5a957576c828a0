// Owns the drawing of a time series of some minutes: lines of SVG that are made anew with each sample. Knows no numbers.

import { h, svg } from "./dom.js";
import { ago } from "./words.js";

const WIDTH = 600, HEIGHT = 100;
const MEANS = 150, SPARK_MEANS = 50; // points of a whole line

// One figure: a title, a number in large digits, lines under it.
// `lines`: functions from a sample to a value or null, the main one first. `says(sample)`: [large, small] texts.
export class Figure {
  constructor({ title, meaning, lines, says, scale = (value) => value, least = 0, tone = "" }) {
    Object.assign(this, { lines, says, scale, least });
    this.large = h("strong", { class: "large" }, "–");
    this.small = h("span", { class: "small" }, "\u00a0");
    this.most = h("span", { class: "most" });
    this.paths = lines.map((_, at) => svg("path", { class: `line line-${at}` }));
    this.area = svg("path", { class: "area" });
    this.cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT });
    const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      this.area, ...[...this.paths].reverse(), this.cursor);
    this.node = h("figure", { class: `figure ${tone}` },
      h("figcaption", { title: meaning }, h("span", { class: "title" }, title), h("span", { class: "now" }, this.large, this.most), this.small),
      h("div", { class: "plot" }, drawing));
    drawing.addEventListener("pointermove", (event) => this.point(event.offsetX / drawing.clientWidth));
    drawing.addEventListener("pointerleave", () => this.point(null));
  }

  // Draws what `history` has now.
  draw(history) {
    this.history = history;
    const { samples, last } = history;
    if (!last) return;
    const step = stepOf(history, MEANS), series = this.lines.map((line) => means(samples, line, step));
    const seen = Math.max(0, this.lines[0](last) ?? 0, ...series.flat().map(({ value }) => value)), most = Math.max(this.least, seen);
    series.forEach((points, at) => this.paths[at].setAttribute("d", path(points, history, most, step)));
    this.area.setAttribute("d", area(series[0], history, most, step));
    this.most.textContent = seen ? `top ${this.scale(seen)}` : "";
    this.node.classList.toggle("flat", !seen);
    this.say();
  }

  // Shows the moment at this share of the width; with null, now.
  point(share) {
    this.share = share;
    if (this.history?.samples.length) this.say();
  }

  say() {
    const { samples, last, span } = this.history;
    let sample = last;
    if (this.share != null) {
      const time = last.time - span * (1 - this.share);
      sample = samples.reduce((best, other) => (Math.abs(other.time - time) < Math.abs(best.time - time) ? other : best));
      const x = WIDTH * (1 - (last.time - sample.time) / span);
      for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, x);
    }
    this.node.classList.toggle("pointed", this.share != null);
    const [large, small] = this.says(sample);
    this.large.textContent = large;
    this.small.textContent = this.share != null ? ago(last.time - sample.time) : small || "\u00a0";
  }
}

// Seconds of which a mean is drawn.
const stepOf = ({ span }, points) => Math.max(1, span / points);

// The means of a line over `step` seconds each, as {time, value}; what is null counts for nothing. Single seconds of
// a little traffic would be a comb of zeros and ones.
function means(samples, line, step) {
  const found = [];
  for (const sample of samples) {
    const value = line(sample);
    if (value == null) continue;
    const time = step * Math.floor(sample.time / step); // of the clock, so that a mean keeps its place as time goes on
    if (found.at(-1)?.time !== time) found.push({ time, sum: 0, count: 0 });
    const mean = found.at(-1);
    mean.sum += value;
    mean.count += 1;
    mean.value = mean.sum / mean.count;
  }
  return found;
}

// The stretches without a hole, as lists of "x,y".
function stretches(points, { last, span, every }, most, step) {
  const found = [], gap = Math.max(2 * step, 3 * every) + 1; // seconds without a value, beyond which a line is broken
  let before = -Infinity;
  for (const { time, value } of points) {
    if (time - before > gap) found.push([]);
    const x = WIDTH * (1 - (last.time - time) / span), y = HEIGHT - 1 - (HEIGHT - 4) * (most ? value / most : 0);
    found.at(-1).push(`${x.toFixed(1)},${y.toFixed(1)}`);
    before = time;
  }
  return found;
}

// A moment alone is a dash as long as itself, which is seen.
function path(points, history, most, step) {
  const dash = (WIDTH * step) / history.span;
  return stretches(points, history, most, step).map((points) => `M${points.join("L")}${points.length > 1 ? "" : `h${-dash}`}`).join("");
}

function area(...given) {
  const x = (point) => point.split(",")[0];
  return stretches(...given).map((points) => `M${x(points[0])},${HEIGHT}L${points.join("L")}L${x(points.at(-1))},${HEIGHT}Z`).join("");
}

// A small line without words, for a list.
export class Spark {
  constructor(line) {
    this.line = line;
    this.path = svg("path", { class: "line line-0" });
    this.node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.path);
  }

  draw(history) {
    if (!history.last) return;
    const step = stepOf(history, SPARK_MEANS), points = means(history.samples, this.line, step);
    const most = Math.max(0, ...points.map(({ value }) => value));
    this.path.setAttribute("d", path(points, history, most, step));
    this.node.classList.toggle("flat", !most);
  }
}
