// Owns how numbers, times and sizes are said. Pure: knows no page.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (number) => whole.format(number);
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
export const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

// A value among others; an empty text is seen.
export const named = (value) => (value === "" ? '""' : shown(value));

// A number with three digits that say something: 0, 0.012, 3.4, 128, 1,204.
export function figure(number) {
  if (number == null) return "–";
  const size = Math.abs(number);
  if (size >= 100) return whole.format(number);
  return number.toLocaleString("en", { maximumSignificantDigits: size < 1 ? 2 : 3 });
}

// So many a second: seconds are never quite of one length, so that one request in each would be 0.99, then 1.01.
export const rate = (number) => figure(number == null || number < 0.1 || number >= 100 ? number : Math.round(number * 10) / 10);

// Seconds in the unit that suits them.
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 1e-8) return "0 µs"; // what a fit leaves of nothing
  if (seconds >= 1) return `${figure(seconds)} s`;
  return seconds >= 0.0001 ? `${figure(seconds * 1e3)} ms` : `${figure(seconds * 1e6)} µs`;
}

// Bytes as whoever buys a dyno counts them.
export function size(bytes) {
  if (bytes == null) return "–";
  const mega = bytes / 2 ** 20;
  return mega >= 1000 ? `${figure(mega / 1024)} GB` : `${figure(mega)} MB`;
}

export function percent(share) {
  if (typeof share !== "number") return shown(share);
  if (share > 0 && share < 1e-5) return "under 0.001 %";
  return `${(share * 100).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`;
}

// How long ago, in whole seconds or minutes.
export function ago(seconds) {
  const passed = Math.round(seconds);
  if (passed < 2) return "now";
  return passed < 60 ? `${passed} s ago` : `${Math.floor(passed / 60)} min ${String(passed % 60).padStart(2, "0")} s ago`;
}

// The stretch of time that charts show, behind "the last".
export const stretch = (seconds) => ({ 60: "minute", 120: "two minutes", 300: "five minutes" })[seconds] || "ten minutes";

// The first of many texts.
export const few = (texts, most = 8) =>
  texts.slice(0, most).join(", ") + (texts.length > most ? ` and ${count(texts.length - most)} more` : "");
