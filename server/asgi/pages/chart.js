// Owns the drawing of a time series of ten minutes: lines of SVG that are made anew with each sample. Knows no numbers.

import { h, svg } from "./dom.js";
import { ago } from "./words.js";

const WIDTH = 600, HEIGHT = 100, SECONDS = 600;

// One figure: a title, a number in large digits, lines under it.
// `lines`: functions from a sample to a value or null, the main one first. `says(sample)`: [large, small] texts.
export class Figure {
  constructor({ title, lines, says, scale = (value) => value, least = 0, tone = "" }) {
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
      h("figcaption", null, h("span", { class: "title" }, title), h("span", { class: "said" }, this.large, " ", this.small)),
      h("div", { class: "plot" }, this.most, drawing));
    drawing.addEventListener("pointermove", (event) => this.point(event.offsetX / drawing.clientWidth));
    drawing.addEventListener("pointerleave", () => this.point(null));
  }

  // Draws what `history` has now.
  draw(history) {
    this.history = history;
    const { samples, every } = history;
    if (!samples.length) return;
    const end = history.last.time, gap = 3 * every;
    let most = this.least;
    for (const sample of samples) for (const line of this.lines) most = Math.max(most, line(sample) || 0);
    const across = (sample) => WIDTH * (1 - (end - sample.time) / SECONDS);
    const up = (value) => HEIGHT - (HEIGHT - 4) * (most ? value / most : 0) - 1;
    this.lines.forEach((line, at) => this.paths[at].setAttribute("d", path(samples, line, across, up, gap)));
    this.area.setAttribute("d", area(samples, this.lines[0], across, up, gap));
    this.most.textContent = most > this.least || this.least ? this.scale(most) : "";
    this.say();
  }

  // Shows the moment at this share of the width; with null, now.
  point(share) {
    this.share = share;
    if (this.history?.samples.length) this.say();
  }

  say() {
    const { samples, last } = this.history;
    let sample = last;
    if (this.share != null) {
      const time = last.time - SECONDS * (1 - this.share);
      sample = samples.reduce((best, other) => (Math.abs(other.time - time) < Math.abs(best.time - time) ? other : best));
      const x = WIDTH * (1 - (last.time - sample.time) / SECONDS);
      for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, x);
    }
    this.node.classList.toggle("pointed", this.share != null);
    const [large, small] = this.says(sample);
    this.large.textContent = large;
    this.small.textContent = this.share != null ? ago(last.time - sample.time) : small || "\u00a0";
  }
}

// The stretches without a hole, as lists of [x, y].
function stretches(samples, line, across, up, gap) {
  const found = [];
  let before = null;
  for (const sample of samples) {
    const value = line(sample);
    if (value == null) {
      before = null;
      continue;
    }
    if (before == null || sample.time - before > gap) found.push([]);
    found.at(-1).push([across(sample).toFixed(1), up(value).toFixed(1)]);
    before = sample.time;
  }
  return found;
}

function path(...given) {
  return stretches(...given).map((points) => "M" + (points.length > 1 ? points : [points[0], points[0]]).map((point) => point.join(",")).join("L")).join("");
}

function area(...given) {
  return stretches(...given).filter((points) => points.length > 1).map((points) => {
    const [first, last] = [points[0][0], points.at(-1)[0]];
    return `M${first},${HEIGHT}L${points.map((point) => point.join(",")).join("L")}L${last},${HEIGHT}Z`;
  }).join("");
}

// A small line without words, for a list.
export class Spark {
  constructor(line) {
    this.line = line;
    this.path = svg("path", { class: "line line-0" });
    this.node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.path);
  }

  draw({ samples, last, every }) {
    if (!last) return;
    const most = Math.max(1e-9, ...samples.map((sample) => this.line(sample) || 0));
    const across = (sample) => WIDTH * (1 - (last.time - sample.time) / SECONDS);
    this.path.setAttribute("d", path(samples, this.line, across, (value) => 96 - 92 * (value / most), 3 * every));
  }
}
