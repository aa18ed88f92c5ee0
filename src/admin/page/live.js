// Asks pgsteer again and again, and says when it does not answer.
//
// Every second while the page is looked at; seldom while it is hidden; not at all while the reader has paused it.

const PACE_MS = 1000, HIDDEN_PACE_MS = 15000, PATIENCE_MS = 5000;
// One that is gone for longer is asked less often.
const LOST_PACE_MS = 3000, LOST_FOR_MS = 10000;

let timer = 0, isPaused = false, isAsking = false, lostSince = 0, answeredAt = Date.now();
let history = null, saidLast = "";

async function get(address) {
  const answer = await fetch(address, {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
  if (!answer.ok) throw new Error(address + ": " + answer.status);
  return answer.json();
}

// For those who hear the page: what has changed for the whole, and nothing that changes every second.
function say(words) {
  if (words === saidLast) return;
  if (saidLast) setText(find("said"), words);
  saidLast = words;
}

async function refresh() {
  const [traffic, topology] = await Promise.all([get("/api/v1/traffic"), get("/api/v1/topology")]);
  const isStale = !history || history.revision !== traffic.history_revision || history.start !== traffic.start_time_ms ||
    history.failovers.some(isUnderWay);
  if (isStale) history = {...await get("/api/v1/failovers"), start: traffic.start_time_ms};
  remember(traffic);
  showWhole(topology, traffic);
  showFacts(topology, traffic);
  showListeners(traffic);
  showBackends(topology.backends);
  showHistory(history, traffic.now_ms);
  say(`pgsteer is ${wholeOf(traffic)[1]}. ` + (topology.primary ? `Primary: ${topology.primary}.` : "No primary."));
}

function showPace() {
  document.body.classList.toggle("stale", lostSince !== 0);
  find("lost").hidden = lostSince === 0;
  if (lostSince) {
    document.title = "pgsteer: no answer";
    fill(find("whole"), "no answer", () => badge("bad", "no answer"));
    fill(find("lost"), String(answeredAt), () => ["pgsteer does not answer. What is shown is from ",
      timeOf(answeredAt), ". It is asked again every few seconds."]);
  }
  fill(find("live"), `${isPaused} ${lostSince !== 0}`, () =>
    badge(isPaused || lostSince ? "warn" : "ok", isPaused ? "paused" : lostSince ? "trying" : "live"));
  setText(find("pause"), isPaused ? "Resume" : "Pause");
}

async function turn() {
  if (isAsking || isPaused) return;
  clearTimeout(timer);
  isAsking = true;
  try {
    await refresh();
    lostSince = 0;
    answeredAt = Date.now();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) console.error(error);
    lostSince ||= Date.now();
  }
  isAsking = false;
  showPace();
  const isLong = lostSince && Date.now() - lostSince > LOST_FOR_MS;
  timer = setTimeout(turn, document.hidden ? HIDDEN_PACE_MS : isLong ? LOST_PACE_MS : PACE_MS);
}

function begin() {
  const live = make("span"), pause = make("button");
  live.id = "live";
  pause.id = "pause";
  pause.type = "button";
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    clearTimeout(timer);
    showPace();
    turn();
  });
  find("pace").append(live, pause);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey;
    if (event.key !== "/" || isTyping || find("tools")?.hidden !== false) return;
    event.preventDefault();
    find("filter").focus();
  });
  turn();
}
begin();
