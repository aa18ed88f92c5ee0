#include "admin/status_page.hpp"

#include "admin/failover_list.hpp"
#include "admin/html.hpp"
#include "admin/status_page_assets.hpp"
#include "admin/status_tables.hpp"
#include "admin/topology_figures.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

// The script finds what it changes by id. A rate and its line are the script's to fill in.
struct fact {
  std::string_view id;
  std::string_view name;
  std::string value;
  std::string note = {};
  bool has_line = false;
};

std::string fact_html(const fact& of) {
  const std::string id(of.id);
  const std::string line = "<svg class=\"line\" id=\"" + id +
                           "-line\" viewBox=\"0 0 120 24\" preserveAspectRatio=\"none\" "
                           "aria-hidden=\"true\"></svg>";
  return "<div><dt>" + std::string(of.name) + "</dt><dd><span id=\"" + id + "\">" +
         (of.value.empty() ? std::string(nothing_html) : html_escaped(of.value)) + small(of.note) +
         "</span>" + (of.has_line ? line : "") + "</dd></div>";
}

std::string header(const readiness& ready) {
  const std::string_view kind = ready.is_draining ? "warn" : is_ready(ready) ? "ok" : "bad";
  return "<header><h1>pgsteer</h1><span class=\"dim\" id=\"version\">" PGSTEER_VERSION
         "</span><span id=\"whole\">" +
         badge(kind, to_string(ready)) +
         "</span><nav aria-label=\"Sections\"><a href=\"#listeners\">Listeners</a><a "
         "href=\"#backends\">Backends</a><a href=\"#failovers\">Failovers</a><a href=\"#roles\">Role "
         "changes</a></nav><span id=\"pace\"></span></header>\n";
}

std::string not_ready(const page_view& view) {
  std::string all;
  for (std::size_t i = 0; i < view.ready.listeners.size(); ++i) {
    const listener_readiness& of = view.ready.listeners[i];
    if (of.is_ready) continue;
    const std::uint64_t held = i < view.traffic.listeners.size() ? view.traffic.listeners[i].held : 0;
    all += "<p class=\"alarm bad\">Listener " + html_escaped(of.name) +
           " is not ready: " + html_escaped(of.reason) + "." +
           (held == 0 ? "" : " Held logins: " + std::to_string(held) + ".") + "</p>\n";
  }
  return all;
}

std::string alarms(const page_view& view, const topology::topology_snapshot& snapshot) {
  const readiness& ready = view.ready;
  std::string all = ready.is_draining ? "" : not_ready(view);
  if (ready.is_draining)
    all +=
        "<p class=\"alarm warn\">pgsteer is draining: it takes no new sessions and waits for the present "
        "ones.</p>\n";
  if (snapshot.is_ambiguous) {
    const topology::backend_status* primary = primary_of(snapshot);
    all += "<p class=\"alarm bad\">Two backends claim to be primary on the same timeline: " +
           (primary ? "only the one that was primary before, " + html_escaped(to_string(primary->address)) +
                          ", is used"
                    : std::string("none of them is used until one gives way")) +
           ".</p>\n";
  }
  return "<div id=\"alarms\">\n" + all + "</div>\n";
}

std::string facts(const page_view& view, const topology::topology_snapshot& snapshot) {
  listener_traffic sum;
  for (const listener_traffic& each : view.traffic.listeners) {
    sum.sessions += each.sessions;
    sum.accepted += each.accepted;
    sum.held += each.held;
    for (std::size_t i = 0; i < sum.bytes.size(); ++i) sum.bytes[i] += each.bytes[i];
  }
  const topology::backend_status* primary = primary_of(snapshot);
  const auto& told = view.history.failovers();
  const auto ago = std::chrono::duration_cast<milliseconds>(
      view.topology.now - (told.empty() ? view.topology.now : told.back().began_at));
  std::string role = "rw logins are held";
  if (primary) {
    role = "timeline " + std::to_string(primary->timeline.value) +
           (snapshot.is_settling      ? ", its promotion settles"
            : primary->is_rw_eligible ? ""
                                      : ", rw logins are held");
  }
  const fact all[] = {
      {"primary", "Primary", primary ? to_string(primary->address) : "none", role},
      {"sessions", "Sessions", std::to_string(sum.sessions), "", true},
      {"new", "New sessions", "", std::to_string(sum.accepted) + " in all", true},
      {"out", "To clients", "", bytes_in_words(sum.bytes[1]) + " in all", true},
      {"in", "To backends", "", bytes_in_words(sum.bytes[0]) + " in all", true},
      {"held", "Held logins", std::to_string(sum.held), "", true},
      {"latest", "Last failover", told.empty() ? "none" : ago_in_words(ago),
       told.empty() ? "" : stage_in_words(told.back(), view.topology.now)},
  };
  std::string html;
  for (const fact& each : all) html += fact_html(each);
  return "<dl class=\"facts\">" + html + "</dl>\n";
}

std::string identity(const topology::topology_snapshot& snapshot, std::string_view own_zone) {
  const auto item = [](std::string_view name, const std::string& id, std::string_view value) {
    return "<span>" + std::string(name) + " <b id=\"" + id + "\">" +
           (value.empty() ? std::string(nothing_html) : html_escaped(value)) + "</b></span>";
  };
  return "<p class=\"identity\">" +
         item("system identifier", "system", system_identifier_text(snapshot.system)) +
         item("fence timeline", "fence",
              snapshot.fence.value == 0 ? "" : std::to_string(snapshot.fence.value)) +
         item("generation", "generation", std::to_string(snapshot.generation)) +
         (own_zone.empty() ? "" : item("own zone", "zone", own_zone)) + "</p>\n";
}

constexpr std::string_view footer =
    "<footer><a href=\"/metrics\">metrics</a><a href=\"/api/v1/topology\">topology</a>"
    "<a href=\"/api/v1/traffic\">traffic</a><a href=\"/api/v1/failovers\">failovers</a>"
    "<a href=\"/readyz\">readyz</a><a href=\"/livez\">livez</a></footer>\n";

std::string head(const readiness& ready, std::string_view nonce) {
  const std::string allowed = " nonce=\"" + std::string(nonce) + "\"";
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n"
         "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n"
         "<title>pgsteer: " +
         std::string(to_string(ready)) + "</title>\n<link rel=\"icon\" href=\"" +
         std::string(status_page_icon) + "\">\n<style" + allowed + ">\n" + std::string(status_page_style) +
         "</style>\n</head>\n";
}

}  // namespace

std::string status_page(const page_view& view, std::string_view nonce) {
  const topology::topology_snapshot none;  // before the first decision
  const topology::topology_snapshot& snapshot = view.topology.snapshot ? *view.topology.snapshot : none;
  return head(view.ready, nonce) +
         "<body>\n<a class=\"skip\" href=\"#backends\">Skip to the backends</a>\n<main>\n"
         "<p class=\"alarm bad\" id=\"lost\" role=\"alert\" hidden></p>\n" +
         header(view.ready) + alarms(view, snapshot) + facts(view, snapshot) +
         identity(snapshot, view.topology.own_zone) + listeners_section(view.ready, view.traffic) +
         backends_section(view.topology) + failovers_section(view.history, view.topology.now) +
         role_changes_section(view.history) + std::string(footer) +
         "<p class=\"unseen\" id=\"said\" role=\"status\"></p>\n</main>\n<script nonce=\"" +
         std::string(nonce) + "\">\n" + std::string(status_page_script) + "</script>\n</body>\n</html>\n";
}

}  // namespace pgsteer::admin
