// The entries of src/admin/failover_list.cpp: the timeline of failovers, and changes of role.

function phasesOf(of) {
  const found = [["detect", "first sign to loss", of.detect_ms],
    ["prove", of.to ? "loss to successor's proof" : "until it was back", of.prove_ms],
    ["settle", "settling", of.settle_ms],
    ["login", "to the first rw login", of.login_ms]].filter((each) => each[2] !== null);
  const known = found.reduce((all, each) => all + each[2], 0);
  if (of.elapsed_ms !== null) found.push(["open", "since then", Math.max(0, of.elapsed_ms - known)]);
  return found;
}

function barOf(phases) {
  const length = 1000, shortest = 12;
  const sum = phases.reduce((all, each) => all + each[2], 0);
  const svg = makeSvg("svg", {class: "bar", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true"});
  let at = 0;
  for (const [kind, , took] of phases) {
    const width = shortest + Math.floor(took * (length - phases.length * shortest) / Math.max(1, sum));
    svg.append(makeSvg("rect", {class: kind, x: at, width, height: 10}));
    at += width;
  }
  return svg;
}

function stageOf(of) {
  switch (of.stage) {
    case "lost": return ["bad", `no primary for ${ageInWords(of.elapsed_ms)}, rw logins are held`];
    case "settling": return ["warn", "the successor's promotion settles, rw logins are held"];
    case "proven": return ["warn", "the first rw login is awaited"];
    case "over": return ["ok", "over after " + ageInWords(of.total_ms)];
    case "same_primary": return ["ok", "the same primary was back after " + ageInWords(of.total_ms)];
    case "cut_short": return ["warn", "the successor was lost before its first rw login"];
    default: return ["", of.stage];
  }
}

function detailsOf(of) {
  return `First sign: ${of.sign.replaceAll("_", " ")}. Logins: ${of.logins_held} held, ${of.logins_released} released, ` +
    `${of.logins_expired} expired` + (of.stale_refusals ? `, ${of.stale_refusals} kept off a stale primary` : "") +
    `. Sessions on the old primary: ${of.sessions}` +
    (of.empty_ms === null || !of.sessions ? "" : `, the last ended ${tookInWords(of.empty_ms)} after the proof`) + ".";
}

const nameOf = (of) => [make("span.code", of.address), of.name === of.address ? null : [" ", make("span.dim", of.name)]]
  .flat().filter(Boolean);
const eventOf = (ms, ...content) => make("li.event", make("p.when", timeOf(ms)), make("div", ...content));

function failoverItem(of) {
  const phases = phasesOf(of);
  const timelines = "timeline " + of.from.timeline + (of.to ? " \u2192 " + of.to.timeline : "");
  return eventOf(of.began_at_ms,
    make("p.what", nameOf(of.from), of.to ? [" \u2192 ", ...nameOf(of.to)] : [], " ", make("span.dim", timelines), " ",
      badge(...stageOf(of))),
    barOf(phases),
    make("ul.phases", phases.map(([kind, words, took]) => make("li." + kind, words + " ", make("b", tookInWords(took))))),
    make("p.dim", detailsOf(of)));
}

function roleItem(of) {
  return eventOf(of.at_ms,
    make("p.what", nameOf(of), " ", badge(roleKind(of.from), of.from), " \u2192 ", badge(roleKind(of.to), of.to), " ",
      make("span.dim", "timeline " + of.timeline)),
    make("p.dim", of.reason));
}

const NO_EVENT = () => make("li.dim", "None since pgsteer was started.");
const isUnderWay = (of) => ["lost", "settling", "proven"].includes(of.stage);

// now: by pgsteer's clock, which the reader's may differ from.
function showHistory(history, now) {
  fill(document.querySelector("#failovers ol"), JSON.stringify(history.failovers), () =>
    history.failovers.length ? history.failovers.map(failoverItem) : NO_EVENT());
  fill(document.querySelector("#roles ol"), JSON.stringify(history.role_changes), () =>
    history.role_changes.length ? history.role_changes.map(roleItem) : NO_EVENT());
  const newest = history.failovers[0];
  showFact("latest", newest ? agoInWords(now - newest.began_at_ms) : "none",
    newest ? stageOf(newest)[1] : "");
}
