// How values are put into words, as src/admin/wording.cpp does, and made into elements: from text, never from markup.

function bytesInWords(bytes) {
  if (bytes < 1024) return Math.round(bytes) + " B";
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let value = bytes / 1024, unit = 0;
  for (; value >= 1023.95 && unit + 1 < units.length; ++unit) value /= 1024;
  return value.toFixed(1) + " " + units[unit];
}

function ageInWords(ms) {
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 60000) return (Math.floor(ms / 100) / 10).toFixed(1) + " s";
  if (ms < 3600000) return Math.floor(ms / 60000) + " min";
  return Math.floor(ms / 3600000) + " h";
}

const tookInWords = (ms) => ms === 0 ? "< 1 ms" : ageInWords(ms);

function agoInWords(ms) {
  if (ms < 1000) return "just now";
  if (ms < 60000) return Math.floor(ms / 1000) + " s ago";
  return (ms < 86400000 ? ageInWords(ms) : Math.floor(ms / 86400000) + " d") + " ago";
}

// Of events a second: 0, 0.3, 12, 1234.
function rateInWords(rate) {
  return (rate > 0 && rate < 10 ? rate.toFixed(1) : String(Math.round(rate))) + "/s";
}

// make("td.code.number", "text", element, null): null and "" are left out.
function make(what, ...children) {
  const [name, ...classes] = what.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  made.append(...children.flat().filter((each) => each !== null && each !== ""));
  return made;
}

function makeSvg(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const badge = (kind, words) => make(kind ? "span.badge." + kind : "span.badge", words);
const small = (words) => words ? make("small", words) : null;
const roleKind = (role) => role === "unknown" ? "" : role;
const find = (id) => document.getElementById(id);
const NOTHING = "\u2013";

// What each element was filled from last: one that has not changed is left alone, with the reader's selection in it.
const filledFrom = new WeakMap();
function fill(element, key, build) {
  if (filledFrom.get(element) === key) return;
  filledFrom.set(element, key);
  element.replaceChildren(...[build()].flat().filter((each) => each !== null && each !== ""));
}
const setText = (element, words) => fill(element, words, () => words);

// In the reader's own time zone.
function timeOf(ms) {
  const at = new Date(ms), two = (n) => String(n).padStart(2, "0");
  const made = make("time", `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`);
  made.dateTime = at.toISOString();
  return made;
}
