// Owns the page as a whole: the list of models, which one is shown, and what happens when the server says something new.

import { Spark } from "./chart.js";
import { breakable, byId, h } from "./dom.js";
import { ServerLive } from "./live.js";
import { modelSection } from "./model.js";
import { hasKey, keepKey, read } from "./server.js";
import { follow, History } from "./stream.js";
import { counted, rate } from "./words.js";

const SAMPLES_TO_LOOK = 30; // after that many, whether other models serve
const MANY_MODELS = 12;

const past = new History();
const server = new ServerLive();
let list = { models: [] }, entries = new Map(), current = null, sinceLook = 0;

const names = () => [...new Set(list.models.map((row) => row.name))];
const rowsOf = (name) => list.models.filter((row) => row.name === name);
const serves = (name) => rowsOf(name).some((row) => row.kind);

async function look() {
  sinceLook = 0;
  const before = JSON.stringify(list);
  list = await read("/models");
  if (JSON.stringify(list) === before) return;
  drawState();
  drawList();
  if (before === JSON.stringify({ models: [] }) || !current) await show();
  else noteChange();
}

function drawState() {
  const serving = names().filter(serves), refused = list.models.filter((row) => row.reason).length;
  byId("state").replaceChildren(
    h("span", { class: `dot ${serving.length ? "" : "bad"}` }, serving.length ? `Serves ${counted(serving.length, "model")}` : "Serves no model yet"),
    refused ? h("span", { class: "bad" }, `, ${counted(refused, "version")} refused`) : "");
}

function drawList() {
  const nav = byId("list");
  entries = new Map(names().sort((a, b) => (b === list.default) - (a === list.default) || serves(b) - serves(a)).map((name) => [name, entry(name)]));
  nav.hidden = entries.size < 2;
  const search = h("input", { type: "search", "aria-label": "find a model", placeholder: `Find one of ${entries.size} models`, oninput: () => {
    const wanted = search.value.trim().toLowerCase();
    for (const [name, { node }] of entries) node.hidden = !name.toLowerCase().includes(wanted);
  } });
  nav.replaceChildren(...(entries.size > MANY_MODELS ? [search] : []), h("ul", null, [...entries.values()].map(({ node }) => node)));
  mark();
}

function entry(name) {
  const pace = h("span", { class: "rate" }), spark = new Spark((sample) => sample.models?.[name]?.requests ?? 0);
  const newest = rowsOf(name).find((row) => row.kind), refused = rowsOf(name).some((row) => row.reason);
  const told = newest ? newest.kind.replace("_", " ").replace("onnx", "ONNX") : h("span", { class: "bad" }, "refused");
  const link = h("a", { href: `#${encodeURIComponent(name)}` }, h("span", { class: "name" }, breakable(name)), pace, h("span", { class: "soft" }, told, refused && newest ? h("span", { class: "bad" }, ", a version refused") : null), newest ? spark.node : null);
  return { node: h("li", null, link), link, spark, pace };
}

function mark() {
  for (const [name, { link }] of entries) {
    if (name === current?.name) {
      link.setAttribute("aria-current", "true");
      const row = link.closest("ul"); // on a phone a row that is wider than the screen
      row.scrollLeft += link.getBoundingClientRect().left - row.getBoundingClientRect().left - parseFloat(getComputedStyle(row).paddingLeft);
    } else link.removeAttribute("aria-current");
  }
}

// Shows the model that the address names, `#name` or `#name/version`; else the default, or the first that serves.
async function show() {
  const [named, version] = addressed();
  const name = names().includes(named) ? named : [list.default, ...names()].find((each) => each && serves(each)) || names()[0];
  const place = byId("model");
  if (!name) {
    current = null;
    place.replaceChildren(byId("no-model").content.cloneNode(true));
    return;
  }
  const wanted = (current = { name, version });
  mark();
  try {
    Object.assign(wanted, serves(name) ? await describe(name, name === named && version) : refusedSection(name, []));
  } catch (error) {
    Object.assign(wanted, refusedSection(name, [error.message]));
  }
  if (current !== wanted) return;
  current.live?.draw(past);
  document.title = `${name} · dynonnx`;
  place.replaceChildren(current.node);
}

// The name and the version in the address; none where somebody has typed what is no address.
function addressed() {
  try {
    return decodeURIComponent(location.hash.slice(1)).split("/");
  } catch {
    return [];
  }
}

async function describe(name, version) {
  const path = `/models/${encodeURIComponent(name)}${version ? `/versions/${encodeURIComponent(version)}` : ""}`;
  return modelSection({ ...(await read(path)), path }, rowsOf(name), name === list.default);
}

function refusedSection(name, more) {
  const reasons = rowsOf(name).filter((row) => row.reason).map((row) => [h("strong", null, `Version ${row.version} does not serve. `), row.reason]);
  return { node: h("article", null, h("header", { class: "model-head" }, h("h2", { tabindex: -1 }, breakable(name))), [...reasons, ...more].map((reason) => h("p", { class: "refusal" }, reason))) };
}

function noteChange() {
  const place = byId("model");
  place.querySelector(".change")?.remove();
  place.prepend(h("p", { class: "change", role: "status" }, "What this server serves has changed. ", h("button", { type: "button", class: "quiet", onclick: show }, "Show it as it is now")));
}

function drawSample() {
  server.draw(past);
  current?.live?.draw(past);
  for (const [name, { spark, pace }] of entries) {
    spark.draw(past);
    const requests = past.last?.models?.[name]?.requests;
    pace.textContent = requests ? `${rate(requests)}/s` : "";
  }
  if (++sinceLook >= SAMPLES_TO_LOOK) look().catch(() => {});
}

function sayLive(text) {
  byId("live").hidden = text === null;
  byId("live-note").textContent = text;
}

async function start() {
  if (location.pathname !== "/") window.history.replaceState(null, "", `/${location.hash}`);
  byId("forget").hidden = !hasKey();
  byId("forget").onclick = () => {
    keepKey(null);
    location.reload();
  };
  addEventListener("hashchange", async () => {
    if (location.hash === "#main") return; // the skip link
    await show();
    byId("model").querySelector("h2")?.focus({ preventScroll: true });
    if (matchMedia("(max-width: 860px)").matches) byId("model").scrollIntoView();
  });
  try {
    await look();
  } catch (error) {
    byId("state").replaceChildren(h("span", { class: "bad" }, `This server did not say what it serves: ${error.message}`));
    byId("model").replaceChildren();
    return;
  }
  if (!list.models.length) {
    drawState();
    await show();
  }
  follow(past, { changed: drawSample, restarted: () => look().catch(() => {}), state: sayLive });
}

start();
