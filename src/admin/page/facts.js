// What happened between two answers, and the facts on top.

// The newest minute, a sample for each answer: {at, listeners: [...], backends: Map of sessions_total by id}.
const SAMPLES_MAX = 61;
// Rates are of the last three seconds: shorter ones only flicker.
const RATE_MS = 3000;
let samples = [];

const sumOf = (list, key) => list.reduce((sum, each) => sum + each[key], 0);

function remember(traffic) {
  const last = samples[samples.length - 1];
  // Another process: its counters begin anew.
  if (last && (last.start !== traffic.start_time_ms || last.at >= traffic.at_ms)) samples = [];
  samples.push({
    at: traffic.at_ms, start: traffic.start_time_ms,
    listeners: new Map(traffic.listeners.map((each) => [each.name, each])),
    backends: new Map(traffic.backends.map((each) => [each.id, each])),
    accepted: sumOf(traffic.listeners, "accepted_total"),
    out: sumOf(traffic.listeners, "bytes_to_client_total"),
    in: sumOf(traffic.listeners, "bytes_to_backend_total"),
    sessions: sumOf(traffic.listeners, "sessions"),
    held: sumOf(traffic.listeners, "logins_held"),
  });
  if (samples.length > SAMPLES_MAX) samples.shift();
}

// Of a total that pick() finds in a sample, a second; null until there are two samples that have it.
function rateOf(pick) {
  const last = samples[samples.length - 1];
  const before = samples.findLast((each) => each !== last && last.at - each.at >= RATE_MS) ?? samples[0];
  if (!before || before === last) return null;
  const from = pick(before), to = pick(last);
  return from === undefined || to === undefined ? null : Math.max(0, to - from) * 1000 / (last.at - before.at);
}
const ratedBytes = (rate) => rate === null ? NOTHING : bytesInWords(rate) + "/s";
const rated = (rate) => rate === null ? NOTHING : rateInWords(rate);

function drawLine(svg, values) {
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, i) => {
    const x = 120 * (i + SAMPLES_MAX - 1 - values.length) / (SAMPLES_MAX - 2);
    return `${x.toFixed(1)},${(22 - 20 * value / most).toFixed(1)}`;
  }).join(" ");
  if (!svg.firstChild) svg.append(makeSvg("polyline", {}));
  svg.firstChild.setAttribute("points", points);
}
const levels = (key) => samples.map((each) => each[key]).slice(1);
const steps = (key) => samples.slice(1).map((each, i) =>
  Math.max(0, each[key] - samples[i][key]) * 1000 / (each.at - samples[i].at));

function showFact(id, words, note) {
  fill(find(id), words + "\n" + note, () => [words, small(note)]);
}

function showFacts(topology, traffic) {
  const primary = topology.backends.find((each) => each.address === topology.primary && each.role === "primary") ??
    topology.backends.find((each) => each.address === topology.primary);
  showFact("primary", topology.primary ?? "none", !primary ? "rw logins are held" : `timeline ${primary.timeline}` +
    (topology.settling ? ", its promotion settles" : primary.rw_eligible ? "" : ", rw logins are held"));
  const last = samples[samples.length - 1];
  showFact("sessions", String(last.sessions), "");
  showFact("new", rated(rateOf((each) => each.accepted)), last.accepted + " in all");
  showFact("out", ratedBytes(rateOf((each) => each.out)), bytesInWords(last.out) + " in all");
  showFact("in", ratedBytes(rateOf((each) => each.in)), bytesInWords(last.in) + " in all");
  showFact("held", String(last.held), "");
  drawLine(find("sessions-line"), levels("sessions"));
  drawLine(find("held-line"), levels("held"));
  drawLine(find("new-line"), steps("accepted"));
  drawLine(find("out-line"), steps("out"));
  drawLine(find("in-line"), steps("in"));
  setText(find("system"), topology.system_identifier || NOTHING);
  setText(find("fence"), topology.fence_timeline ? String(topology.fence_timeline) : NOTHING);
  setText(find("generation"), String(topology.generation));
  showZone(topology.zone);
}

// pgsteer may learn of it later than of everything else.
function showZone(zone) {
  let shown = find("zone");
  if (zone && !shown) {
    shown = make("b");
    shown.id = "zone";
    document.querySelector(".identity").append(make("span", "own zone ", shown));
  }
  if (shown) setText(shown, zone || NOTHING);
}

function wholeOf(traffic) {
  return traffic.draining ? ["warn", "draining"] : traffic.ready ? ["ok", "ready"] : ["bad", "not ready"];
}

function alarmsOf(topology, traffic) {
  const all = [];
  if (traffic.draining) all.push(["warn", "pgsteer is draining: it takes no new sessions and waits for the present " +
    `ones, ${sumOf(traffic.listeners, "sessions")} yet.`]);
  for (const of of traffic.draining ? [] : traffic.listeners.filter((each) => !each.ready)) {
    const held = of.logins_held ? ` Held logins: ${of.logins_held}.` : "";
    all.push(["bad", `Listener ${of.name} is not ready: ${of.reason}.${held}`]);
  }
  if (traffic.version !== find("version").textContent) {
    all.push(["warn", `This page is of another release than pgsteer is now, ${traffic.version}: load it anew.`]);
  }
  if (topology.ambiguous) all.push(["bad", "Two backends claim to be primary on the same timeline: " +
    (topology.primary ? `only the one that was primary before, ${topology.primary}, is used.` :
      "none of them is used until one gives way.")]);
  return all;
}

function showWhole(topology, traffic) {
  const [kind, words] = wholeOf(traffic);
  fill(find("whole"), words, () => badge(kind, words));
  document.title = "pgsteer: " + words;
  const alarms = alarmsOf(topology, traffic);
  fill(find("alarms"), JSON.stringify(alarms), () => alarms.map(([kind, words]) => make("p.alarm." + kind, words)));
}
