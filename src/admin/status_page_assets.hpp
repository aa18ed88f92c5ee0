#pragma once
// The fixed parts of the status page: style, script, icon. No values go in here, so nothing needs escaping.
//
// Colours: text on background is at least 4.5:1 in both schemes (WCAG 2.1, 1.4.3).
#include <string_view>

namespace pgsteer::admin {

inline constexpr std::string_view status_page_style = R"css(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--line:#dfe3e8;--text:#1b2430;--dim:#5b6775;
--ok:#11703c;--ok-bg:#dcf3e4;--bad:#a61b1b;--bad-bg:#fbe1e1;--warn:#7a4b00;--warn-bg:#fdeecb;
--primary:#1d4ed8;--primary-bg:#dfe8fd;--standby:#0f6d78;--standby-bg:#d9f1f3;--plain-bg:#e9ecf0}
@media (prefers-color-scheme:dark){:root{--bg:#11161d;--card:#1a212b;--line:#2d3743;--text:#e6ebf1;--dim:#9aa7b5;
--ok:#6fdc9b;--ok-bg:#143826;--bad:#ff9d9d;--bad-bg:#4a1d1d;--warn:#f6cb6b;--warn-bg:#41310d;
--primary:#a5c3ff;--primary-bg:#1f3266;--standby:#7fdbe4;--standby-bg:#12393e;--plain-bg:#2a333f}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 24px 40px}
header{display:flex;align-items:center;gap:12px;flex-wrap:wrap}
h1{font-size:24px;margin:0;letter-spacing:-.01em}
h2{font-size:13px;margin:30px 0 8px;color:var(--dim);text-transform:uppercase;letter-spacing:.06em}
.dim{color:var(--dim)}
.badge{display:inline-block;padding:1px 10px;border-radius:999px;font-size:13px;font-weight:600;white-space:nowrap;
background:var(--plain-bg);color:var(--dim)}
.ok{background:var(--ok-bg);color:var(--ok)}.bad{background:var(--bad-bg);color:var(--bad)}
.warn{background:var(--warn-bg);color:var(--warn)}
.primary{background:var(--primary-bg);color:var(--primary)}.standby{background:var(--standby-bg);color:var(--standby)}
.alarm{margin:18px 0 0;padding:10px 14px;border-radius:8px;font-weight:600}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin:20px 0 0}
dl div,.table{background:var(--card);border:1px solid var(--line);border-radius:10px}
dl div{padding:10px 14px}
dt{font-size:13px;color:var(--dim)}dd{margin:0;font-size:17px;font-weight:600;overflow-wrap:anywhere}
.table{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{padding:9px 14px;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;font-size:13px;font-weight:600;color:var(--dim);white-space:nowrap}
.number{text-align:right}
td.number,.code{font-variant-numeric:tabular-nums;white-space:nowrap}
.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:13.5px}
td small{display:block;width:max-content;max-width:260px;color:var(--dim);font-size:12.5px;white-space:normal;overflow-wrap:anywhere}
td.number small{margin-left:auto}
td.reason{min-width:220px;overflow-wrap:anywhere}
footer{margin-top:26px;color:var(--dim);font-size:13.5px}
footer a{color:inherit;margin-right:14px}
#lost{display:none;margin:0 0 18px}.stale #lost{display:block}.stale #shown{opacity:.5}
)css";

// sync() makes one node like another in place: what did not change keeps its scroll position and selection.
// The head is cut off before parsing: its style bears the nonce of another answer, about which browsers
// complain.
inline constexpr std::string_view status_page_script = R"js(
"use strict";
function sync(shown, next) {
  if (shown.nodeName !== next.nodeName) { shown.replaceWith(document.importNode(next, true)); return; }
  if (shown.nodeType === Node.TEXT_NODE) { if (shown.data !== next.data) shown.data = next.data; return; }
  if (shown.className !== next.className) shown.className = next.className;
  while (shown.childNodes.length > next.childNodes.length) shown.lastChild.remove();
  for (let i = 0; i < next.childNodes.length; ++i) {
    if (i < shown.childNodes.length) sync(shown.childNodes[i], next.childNodes[i]);
    else shown.append(document.importNode(next.childNodes[i], true));
  }
}
async function refresh() {
  try {
    const answer = await fetch("/", {cache: "no-store", signal: AbortSignal.timeout(5000)});
    const html = await answer.text();
    const body = new DOMParser().parseFromString(html.slice(html.indexOf("<body>")), "text/html");
    sync(document.getElementById("shown"), body.getElementById("shown"));
    document.title = "pgsteer: " + document.querySelector("header .badge").textContent;
    document.body.className = "";
  } catch { document.body.className = "stale"; }
}
async function loop() {
  if (!document.hidden) await refresh();
  setTimeout(loop, 2000);
}
setTimeout(loop, 2000);
)js";

inline constexpr std::string_view status_page_icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' "
    "height='32' rx='8' fill='%231d4ed8'/%3E%3Cpath d='M5 16h9l7-7M14 16l7 7M21 9h6M21 23h6' fill='none' "
    "stroke='white' stroke-width='3' stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E";

}  // namespace pgsteer::admin
