// The rows of src/admin/status_tables.cpp, kept up to date; and, where there are many backends, what narrows them down.

// More than fill a screen: what is well is left out until it is asked for.
const ROWS_MAX = 24;
// Fewer are seen at a glance.
const TOOLS_MIN = 9;

// The text or element of a cell, by what it shows; key: changes with it.
function setCell(cell, key, build) { fill(cell, key, build); }

function makeRow(classes) {
  return make("tr", classes.map((each) => make(each ? "td." + each : "td")));
}

const listenerRows = new Map();
function showListeners(traffic) {
  const body = document.querySelector("#listeners tbody");
  if (listenerRows.size === 0) body.replaceChildren();
  keepOnly(listenerRows, new Set(traffic.listeners.map((each) => each.name)));
  for (const of of traffic.listeners) {
    let row = listenerRows.get(of.name);
    if (!row) {
      listenerRows.set(of.name, row = makeRow(["", "code", "", "number", "number", "number", "number", "number"]));
      body.append(row);
    }
    const total = (key) => rateOf((each) => each.listeners.get(of.name)?.[key]);
    const texts = [
      [of.name, of.route], [of.address, ""], [of.ready, of.reason],
      [of.sessions, of.rejected_total ? of.rejected_total + " rejected" : ""],
      [rated(total("accepted_total")), of.accepted_total + " in all"],
      [ratedBytes(total("bytes_to_client_total")), bytesInWords(of.bytes_to_client_total) + " in all"],
      [ratedBytes(total("bytes_to_backend_total")), bytesInWords(of.bytes_to_backend_total) + " in all"],
      [of.logins_held, `${of.logins_held_total} in all, ${of.logins_released_total} released, ` +
        `${of.logins_expired_total} expired`],
    ];
    texts.forEach(([first, note], i) => setCell(row.cells[i], first + "\n" + note, () => [
      i === 0 ? make("strong", first) : i === 2 ? badge(first ? "ok" : "bad", first ? "ready" : "not ready") :
        String(first), small(note)]));
  }
}

// Rows of those that are gone are forgotten.
function keepOnly(rows, keys) {
  for (const [key, row] of rows) {
    if (keys.has(key)) continue;
    rows.delete(key);
    row.remove();
  }
}

const backendRows = new Map();
const narrowed = {text: "", kind: "all", order: "", isWhole: false};
const KINDS = {
  all: ["All", () => true],
  primary: ["Primary", (each) => each.role === "primary"],
  standby: ["Standby", (each) => each.role === "standby"],
  unused: ["Not in use", (each) => !each.rw_eligible && !each.ro_eligible],
};
const ORDERS = {
  "": ["as listed", null],
  address: ["address", (a, b) => a.address.localeCompare(b.address, "en", {numeric: true})],
  lag: ["replay lag", (a, b) => b.replay_lag_bytes - a.replay_lag_bytes],
  sessions: ["sessions", (a, b) => b.sessions - a.sessions],
};
// Of many, those are shown that come first by this: the primary, then what is not in use.
const rank = (each) => each.role === "primary" ? 0 : each.ro_eligible ? 2 : 1;

function fillBackend(row, of) {
  const isStandby = of.role === "standby";
  const delay = isStandby && of.replay_delay_ms > 0 ? ageInWords(of.replay_delay_ms) : "";
  const zone = of.zone ? of.zone + (of.own_zone ? ", own zone" : "") : "";
  const name = of.name === of.address ? "" : of.name;
  const rate = rateOf((each) => each.backends.get(of.id)?.sessions_total);
  const notes = [rate ? rated(rate) + " new" : "", of.connections_free === null ? "" : of.connections_free + " free"]
    .filter(Boolean).join(", ");
  const takes = of.rw_eligible || of.ro_eligible ? (of.rw_eligible ? "rw " : "") + (of.ro_eligible ? "ro" : "") :
    of.leaving ? "leaving" : "none";
  const age = of.probe_age_ms === null ? "never" : ageInWords(of.probe_age_ms);
  const lag = isStandby ? bytesInWords(of.replay_lag_bytes) : NOTHING;
  setCell(row.cells[0], of.address + "\n" + name + "\n" + zone, () => [of.address, small(name), small(zone)]);
  setCell(row.cells[1], of.role, () => badge(roleKind(of.role), of.role));
  setCell(row.cells[2], takes, () => of.rw_eligible || of.ro_eligible ?
    takes.trim().split(" ").map((each) => badge("ok", each)) : badge("", takes));
  setText(row.cells[3], of.timeline ? String(of.timeline) : NOTHING);
  setText(row.cells[4], of.lsn === "0/0" ? NOTHING : of.lsn);
  setCell(row.cells[5], lag + "\n" + delay, () => [lag, small(delay)]);
  setCell(row.cells[6], of.sessions + "\n" + notes, () => [String(of.sessions), small(notes)]);
  setText(row.cells[7], age);
  const left = of.order && of.order.left_ms !== null ? ageInWords(of.order.left_ms) + " left" : "";
  setCell(row.cells[8], of.reason + "\n" + left, () => [of.reason, small(left)]);
}

// Those to be shown, in order; and how many more there are.
function chosenOf(backends) {
  const text = narrowed.text.toLowerCase();
  let chosen = backends.filter(KINDS[narrowed.kind][1]).filter((each) => !text ||
    [each.address, each.name, each.role, each.reason, each.zone ?? ""].some((of) => of.toLowerCase().includes(text)));
  const isNarrow = text || narrowed.kind !== "all" || narrowed.isWhole || chosen.length <= ROWS_MAX;
  const more = isNarrow ? 0 : chosen.length - ROWS_MAX;
  if (more > 0) {
    const kept = new Set(chosen.slice().sort((a, b) => rank(a) - rank(b)).slice(0, ROWS_MAX));
    chosen = chosen.filter((each) => kept.has(each));
  }
  const order = ORDERS[narrowed.order][1];
  return {shown: order ? chosen.slice().sort(order) : chosen, more};
}

let lastBackends = [];
function showBackends(backends) {
  lastBackends = backends;
  const body = document.querySelector("#backends tbody");
  const {shown, more} = chosenOf(backends);
  const rows = shown.map((each) => {
    let row = backendRows.get(each.id);
    if (!row) backendRows.set(each.id, row =
      makeRow(["code", "", "", "number", "code.number", "number", "number", "number", "reason"]));
    fillBackend(row, each);
    return row;
  });
  if (rows.length !== body.rows.length || rows.some((row, i) => body.rows[i] !== row)) body.replaceChildren(...rows);
  if (rows.length === 0) {
    const none = make("td.dim", backends.length === 0 ? "No backend is known yet." : "No backend fits.");
    none.colSpan = 9;
    body.append(make("tr", none));
  }
  keepOnly(backendRows, new Set(backends.map((each) => each.id)));
  showTools(backends, more);
}

function again() { showBackends(lastBackends); }

function makeTools() {
  const filter = make("input");
  filter.type = "search";
  filter.id = "filter";
  filter.placeholder = "address, name, reason";
  filter.addEventListener("input", () => { narrowed.text = filter.value.trim(); again(); });
  const order = make("select", Object.entries(ORDERS).map(([key, [words]]) => new Option(words, key)));
  order.id = "order";
  order.addEventListener("change", () => { narrowed.order = order.value; again(); });
  const kinds = make("span.kinds", Object.keys(KINDS).map((kind) => {
    const button = make("button");
    button.type = "button";
    button.dataset.kind = kind;
    button.addEventListener("click", () => { narrowed.kind = kind; again(); });
    return button;
  }));
  kinds.setAttribute("role", "group");
  kinds.setAttribute("aria-label", "Which backends");
  const labelled = (words, of) => { const made = make("label", words, of); made.htmlFor = of.id; return made; };
  const made = make("div.tools", kinds, labelled("Filter", filter), labelled("Order", order));
  made.id = "tools";
  document.querySelector("#backends .heading").append(made);
  const whole = make("button.more");
  whole.id = "more";
  whole.type = "button";
  whole.addEventListener("click", () => { narrowed.isWhole = !narrowed.isWhole; again(); });
  find("backends").append(whole);
}

function showTools(backends, more) {
  if (!find("tools")) makeTools();
  find("tools").hidden = backends.length < TOOLS_MIN;
  for (const button of find("tools").querySelectorAll("button")) {
    const [words, fits] = KINDS[button.dataset.kind];
    setText(button, `${words} ${backends.filter(fits).length}`);
    button.setAttribute("aria-pressed", String(narrowed.kind === button.dataset.kind));
  }
  const isCut = more > 0 || (narrowed.isWhole && backends.length > ROWS_MAX);
  find("more").hidden = !isCut;
  setText(find("more"), more > 0 ? `Show all ${backends.length} backends` : `Show ${ROWS_MAX} only`);
}
