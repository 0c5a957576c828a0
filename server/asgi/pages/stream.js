// Owns the stream of live numbers: one connection while the page is seen, the last ten minutes of samples.

import { refusal, request } from "./server.js";

const SPANS = [60, 120, 300, 600]; // seconds that charts are drawn over
const SECONDS = SPANS.at(-1);
const LARGEST_EVENT = 8 * 2 ** 20; // characters; what is longer is no event of ours
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 20_000;

// The samples of the last ten minutes, oldest first.
export class History {
  every = 1;
  samples = [];

  get last() {
    return this.samples.at(-1);
  }

  // The seconds that all samples fit into: a server that has just begun has more to show than a spike at the edge.
  get span() {
    const there = this.last.time - this.samples[0].time;
    return SPANS.find((span) => span >= there) || SECONDS;
  }

  replace({ every, samples }) {
    this.every = every || 1;
    this.samples = samples;
  }

  add(sample) {
    this.samples.push(sample);
    while (this.samples[0].time < sample.time - SECONDS) this.samples.shift();
  }
}

// Follows the stream for good. `changed()`: there is a new sample. `state(text)`: why there is none, or ""; null where
// there never will be.
// `restarted()`: the stream had ended, as it does when other models serve.
export async function follow(history, { changed, state, restarted }) {
  let pause = FIRST_PAUSE, opened = 0;
  for (;;) {
    await seen();
    try {
      const ended = new AbortController();
      const hide = () => document.hidden && ended.abort();
      document.addEventListener("visibilitychange", hide);
      try {
        const response = await request("/live", { headers: { accept: "text/event-stream" }, signal: ended.signal });
        if (response.status === 404) return state(null);
        if (!response.ok) throw await refusal(response);
        if (opened++) restarted();
        state("");
        for await (const { event, data } of events(response.body)) {
          if (event === "history") history.replace(data);
          else history.add(data);
          pause = FIRST_PAUSE;
          changed();
        }
      } finally {
        document.removeEventListener("visibilitychange", hide);
      }
    } catch (error) {
      if (error.name !== "AbortError") state(`No live numbers: ${error.code ? error.message : "the server does not answer"}. Trying again.`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

function seen() {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    look();
  });
}

// The events of a text/event-stream, their data as JSON.
export async function* events(body) {
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    if (rest.length > LARGEST_EVENT) throw new Error("an event without an end");
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const of = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
      if (of("data").length) yield { event: of("event")[0] || "message", data: JSON.parse(of("data").join("\n")) };
    }
  }
}
