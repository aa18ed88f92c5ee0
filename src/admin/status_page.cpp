#include "admin/status_page.hpp"

#include "admin/status_page_assets.hpp"
#include "admin/topology_figures.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

constexpr std::string_view nothing = "&ndash;";

// kind is one of the style's badge classes, or empty.
std::string badge(std::string_view kind, std::string_view words) {
  return "<span class=\"badge " + std::string(kind) + "\">" + html_escaped(words) + "</span>";
}

std::string cell(std::string_view html) {
  return "<td>" + std::string(html) + "</td>";
}
std::string cell(std::string_view kind, std::string_view html) {
  return "<td class=\"" + std::string(kind) + "\">" + std::string(html) + "</td>";
}

std::string fact(std::string_view name, std::string_view value) {
  return "<div><dt>" + std::string(name) + "</dt><dd>" +
         (value.empty() ? std::string(nothing) : html_escaped(value)) + "</dd></div>";
}

std::string header(const readiness& ready) {
  const std::string_view kind = ready.is_draining ? "warn" : is_ready(ready) ? "ok" : "bad";
  return "<header><h1>pgsteer</h1><span class=\"dim\">" PGSTEER_VERSION "</span>" +
         badge(kind, to_string(ready)) + "</header>\n";
}

std::string alarm(const topology::topology_snapshot& snapshot) {
  if (!snapshot.is_ambiguous) return "";
  const topology::backend_status* primary = primary_of(snapshot);
  return "<p class=\"alarm bad\">Two backends claim to be primary on the same timeline: " +
         (primary ? "only the one that was primary before, " + html_escaped(to_string(primary->address)) +
                        ", is used"
                  : std::string("none of them is used until one gives way")) +
         ".</p>\n";
}

std::string facts(const topology::topology_snapshot& snapshot, std::string_view own_zone) {
  const topology::backend_status* primary = primary_of(snapshot);
  return "<dl>" + fact("Primary", primary ? to_string(primary->address) : "none") +
         fact("Fence timeline", snapshot.fence.value == 0 ? "" : std::to_string(snapshot.fence.value)) +
         fact("Generation", std::to_string(snapshot.generation)) +
         fact("System identifier", system_identifier_text(snapshot.system)) +
         (own_zone.empty() ? "" : fact("Own zone", own_zone)) + "</dl>\n";
}

std::string listener_row(const listener_readiness& of) {
  return "<tr>" + cell("<strong>" + html_escaped(of.name) + "</strong>") +
         cell("code", html_escaped(of.address)) + cell(html_escaped(of.route)) +
         cell(of.is_ready ? badge("ok", "ready") : badge("bad", "not ready")) +
         cell("reason", html_escaped(of.reason)) + "</tr>\n";
}

std::string listeners_table(const readiness& ready) {
  std::string rows;
  for (const listener_readiness& each : ready.listeners) rows += listener_row(each);
  return "<h2>Listeners</h2>\n<div "
         "class=\"table\"><table><thead><tr><th>Name</th><th>Address</th><th>Route</th>"
         "<th>Readiness</th><th>Reason</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>\n";
}

std::string_view role_kind(topology::role of) {
  switch (of) {
    case topology::role::primary:
      return "primary";
    case topology::role::standby:
      return "standby";
    case topology::role::unknown:
      return "";
  }
  return "";
}

std::string eligibility(const topology::backend_status& of) {
  if (!of.is_rw_eligible && !of.is_ro_eligible) return badge("", of.is_leaving ? "leaving" : "none");
  return (of.is_rw_eligible ? badge("ok", "rw") : "") + (of.is_ro_eligible ? badge("ok", "ro") : "");
}

std::string zone_in_words(const topology::backend_status& of) {
  if (of.zone.empty()) return "";
  return "<small>" + html_escaped(of.zone) + (of.is_in_own_zone ? ", own zone" : "") + "</small>";
}

std::string backend_row(const topology_view& view, std::size_t index) {
  const topology::backend_status& of = view.snapshot->backends[index];
  const std::string address = to_string(of.address);
  const auto age = probe_age(of, view.now);
  const bool has_lag = of.role == topology::role::standby;
  const std::string delay = has_lag && of.replay_delay && of.replay_delay->count() > 0
                                ? "<small>" + age_in_words(*of.replay_delay) + "</small>"
                                : "";
  return "<tr>" +
         cell("code",
              html_escaped(address) +
                  (of.name.text() == address ? "" : "<small>" + html_escaped(of.name.text()) + "</small>") +
                  zone_in_words(of)) +
         cell(badge(role_kind(of.role), topology::to_string(of.role))) + cell(eligibility(of)) +
         cell("number", of.timeline.value == 0 ? std::string(nothing) : std::to_string(of.timeline.value)) +
         cell("code number", of.lsn.value == 0 ? std::string(nothing) : topology::to_string(of.lsn)) +
         cell("number", has_lag ? bytes_in_words(of.replay_lag_bytes) + delay : std::string(nothing)) +
         cell("number", std::to_string(sessions_of(view, index))) +
         cell("number", age ? age_in_words(*age) : "never") +
         cell("reason", html_escaped(to_string(of.reason))) + "</tr>\n";
}

std::string backends_table(const topology_view& view, const topology::topology_snapshot& snapshot) {
  std::string rows;
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i) rows += backend_row(view, i);
  if (rows.empty()) rows = "<tr><td class=\"dim\" colspan=\"9\">No backend is known yet.</td></tr>\n";
  return "<h2>Backends</h2>\n<div class=\"table\"><table><thead><tr><th>Address</th><th>Role</th><th>New "
         "sessions"
         "</th><th class=\"number\">Timeline</th><th class=\"number\">LSN</th><th class=\"number\">Replay "
         "lag</th>"
         "<th class=\"number\">Sessions</th><th class=\"number\">Last answer</th><th>Reason</th></tr></thead>"
         "<tbody>\n" +
         rows + "</tbody></table></div>\n";
}

constexpr std::string_view footer =
    "<footer><a href=\"/metrics\">metrics</a><a href=\"/api/v1/topology\">topology</a>"
    "<a href=\"/readyz\">readyz</a><a href=\"/livez\">livez</a></footer>\n";

std::string head(const readiness& ready, std::string_view nonce) {
  const std::string allowed = " nonce=\"" + std::string(nonce) + "\"";
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n"
         "<title>pgsteer: " +
         std::string(to_string(ready)) + "</title>\n<link rel=\"icon\" href=\"" +
         std::string(status_page_icon) + "\">\n<style" + allowed + ">" + std::string(status_page_style) +
         "</style>\n<script" + allowed + ">" + std::string(status_page_script) + "</script>\n</head>\n";
}

}  // namespace

std::string status_page(const readiness& ready, const topology_view& view, std::string_view nonce) {
  const topology::topology_snapshot none;  // before the first decision
  const topology::topology_snapshot& snapshot = view.snapshot ? *view.snapshot : none;
  return head(ready, nonce) +
         "<body>\n<main>\n<p class=\"alarm warn\" id=\"lost\">pgsteer does not answer; what is shown may be "
         "out of "
         "date. Trying again every two seconds.</p>\n<div id=\"shown\">\n" +
         header(ready) + alarm(snapshot) + facts(snapshot, view.own_zone) + listeners_table(ready) +
         backends_table(view, snapshot) + "</div>\n" + std::string(footer) + "</main>\n</body>\n</html>\n";
}

}  // namespace pgsteer::admin
