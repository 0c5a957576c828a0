// Owns every request of the page: the key, what the server refuses, JSON. Knows nothing of models.

import { byId, h } from "./dom.js";

const STORED = "dynonnx-key";
let key = remembered();
let waiting = null; // the key that is being asked for

// What the server said no to: `message` is its sentence, `code` and `status` are as docs/behavior.md lists them.
export class Refusal extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }
}

export const hasKey = () => Boolean(key);

// A request with the key, if there is one; asks the person for it where the server wants another.
export async function request(path, options = {}) {
  for (;;) {
    if (!key && document.documentElement.hasAttribute("data-keyed")) await (waiting ||= askForKey(false));
    const used = key;
    const headers = { accept: "application/json", ...options.headers, ...(used ? { authorization: `Bearer ${used}` } : {}) };
    const response = await fetch(path, { ...options, headers });
    if (response.status !== 401) return response;
    if (key === used) await (waiting ||= askForKey(Boolean(used)));
  }
}

// The JSON of a read. Raises Refusal.
export async function read(path) {
  const response = await request(path);
  if (!response.ok) throw await refusal(response);
  return response.json();
}

// What the server answers to a prediction: {text, value, seconds, stages}. Raises Refusal.
export async function predict(path, body, signal) {
  const began = performance.now();
  const response = await request(path, { method: "POST", headers: { "content-type": "application/json" }, body, signal });
  if (!response.ok) throw await refusal(response);
  const text = await response.text();
  const seconds = (performance.now() - began) / 1000;
  return { text, value: JSON.parse(text), seconds, stages: stagesOf(response.headers.get("server-timing") || "") };
}

export async function refusal(response) {
  const retryAfter = Number(response.headers.get("retry-after")) || null;
  const { error, code } = await response.json().catch(() => ({}));
  return new Refusal(response.status, code || String(response.status), error || `the server answered ${response.status}`, retryAfter);
}

// Server-Timing as [{name, seconds}], without what is no time.
function stagesOf(header) {
  const stages = [...header.matchAll(/(\w+);dur=([\d.]+)/g)];
  return stages.map(([, name, milliseconds]) => ({ name, seconds: Number(milliseconds) / 1000 }));
}

function remembered() {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return null; // a browser without storage: it is asked for once a page
  }
}

// Keeps the key in this tab alone; without one, forgets it.
export function keepKey(value) {
  key = value;
  byId("forget").hidden = !value;
  try {
    if (value) sessionStorage.setItem(STORED, value);
    else sessionStorage.removeItem(STORED);
  } catch {
    // as in remembered
  }
}

function askForKey(wrong) {
  const dialog = byId("key"), form = dialog.querySelector("form"), input = form.elements.key, note = byId("key-note");
  note.replaceChildren(wrong ? h("span", { class: "bad" }, "This server does not know that key.") : "One of DYNONNX_API_KEYS: whoever deployed this knows it. It stays in this tab, and goes to this server alone.");
  input.value = "";
  input.toggleAttribute("aria-invalid", wrong);
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault(); // without a key there is nothing behind it
    form.onsubmit = (event) => {
      event.preventDefault();
      const given = input.value.trim();
      if (!/^[\x21-\x7e]+$/.test(given)) {
        note.replaceChildren(h("span", { class: "bad" }, "A key is letters, digits and signs without spaces."));
        return;
      }
      keepKey(given);
      waiting = null;
      dialog.close();
      resolve();
    };
  });
}
