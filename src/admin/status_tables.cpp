#include "admin/status_tables.hpp"

#include "admin/html.hpp"
#include "admin/topology_figures.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

// The rate is the script's to fill in; the total stands by itself.
std::string rate_cell(const std::string& total) {
  return cell("number", std::string(nothing_html) + small(total + " in all"));
}

std::string listener_row(const listener_readiness& of, const listener_traffic& counted) {
  const std::string ends = std::to_string(counted.held_total) + " in all, " +
                           std::to_string(counted.released) + " released, " +
                           std::to_string(counted.expired) + " expired";
  return "<tr>" + cell("<strong>" + html_escaped(of.name) + "</strong>" + small(of.route)) +
         cell("code", html_escaped(of.address)) +
         cell((of.is_ready ? badge("ok", "ready") : badge("bad", "not ready")) + small(of.reason)) +
         cell("number",
              std::to_string(counted.sessions) +
                  small(counted.rejected == 0 ? "" : std::to_string(counted.rejected) + " rejected")) +
         rate_cell(std::to_string(counted.accepted)) + rate_cell(bytes_in_words(counted.bytes[1])) +
         rate_cell(bytes_in_words(counted.bytes[0])) +
         cell("number", std::to_string(counted.held) + small(ends)) + "</tr>\n";
}

std::string eligibility(const topology::backend_status& of) {
  if (!of.is_rw_eligible && !of.is_ro_eligible) return badge("", of.is_leaving ? "leaving" : "none");
  return (of.is_rw_eligible ? badge("ok", "rw") : "") + (of.is_ro_eligible ? badge("ok", "ro") : "");
}

std::string zone_in_words(const topology::backend_status& of) {
  return of.zone.empty() || !of.is_in_own_zone ? of.zone : of.zone + ", own zone";
}

std::string backend_row(const topology_view& view, std::size_t index) {
  const topology::backend_status& of = view.snapshot->backends[index];
  const std::string address = to_string(of.address);
  const auto age = probe_age(of, view.now);
  const bool has_lag = of.role == topology::role::standby;
  const bool has_delay = has_lag && of.replay_delay && of.replay_delay->count() > 0;
  return "<tr>" +
         cell("code", html_escaped(address) + small(of.name.text() == address ? "" : of.name.text()) +
                          small(zone_in_words(of))) +
         cell(badge(role_kind(of.role), topology::to_string(of.role))) + cell(eligibility(of)) +
         cell("number",
              of.timeline.value == 0 ? std::string(nothing_html) : std::to_string(of.timeline.value)) +
         cell("code number", of.lsn.value == 0 ? std::string(nothing_html) : topology::to_string(of.lsn)) +
         cell("number", (has_lag ? bytes_in_words(of.replay_lag_bytes) : std::string(nothing_html)) +
                            small(has_delay ? age_in_words(*of.replay_delay) : "")) +
         cell("number", std::to_string(sessions_of(view, index))) +
         cell("number", age ? age_in_words(*age) : "never") +
         cell("reason", html_escaped(to_string(of.reason)) + small(left_in_words(order_left(of, view.now)))) +
         "</tr>\n";
}

}  // namespace

std::string listeners_section(const readiness& ready, const traffic_view& traffic) {
  std::string rows;
  for (std::size_t i = 0; i < ready.listeners.size(); ++i) {
    rows += listener_row(ready.listeners[i],
                         i < traffic.listeners.size() ? traffic.listeners[i] : listener_traffic{});
  }
  return "<section id=\"listeners\">\n<h2>Listeners</h2>\n<div "
         "class=\"table\"><table><thead><tr><th>Name</th>"
         "<th>Address</th><th>Readiness</th><th class=\"number\">Sessions</th>"
         "<th class=\"number\">New sessions</th><th class=\"number\">To clients</th>"
         "<th class=\"number\">To backends</th><th class=\"number\">Held logins</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>\n</section>\n";
}

std::string backends_section(const topology_view& view) {
  std::string rows;
  const std::size_t count = view.snapshot ? view.snapshot->backends.size() : 0;
  for (std::size_t i = 0; i < count; ++i) rows += backend_row(view, i);
  if (rows.empty()) rows = "<tr><td class=\"dim\" colspan=\"9\">No backend is known yet.</td></tr>\n";
  return "<section id=\"backends\">\n<div class=\"heading\"><h2>Backends</h2></div>\n"
         "<div class=\"table\"><table><thead><tr><th>Address</th><th>Role</th><th>New sessions</th>"
         "<th class=\"number\">Timeline</th><th class=\"number\">LSN</th><th class=\"number\">Replay lag</th>"
         "<th class=\"number\">Sessions</th><th class=\"number\">Last answer</th><th>Reason</th></tr></thead>"
         "<tbody>\n" +
         rows + "</tbody></table></div>\n</section>\n";
}

}  // namespace pgsteer::admin
