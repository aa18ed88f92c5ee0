#include "admin/status_report.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <ostream>

#include "admin/json_fields.hpp"
#include "admin/text_table.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

namespace json = boost::json;

reported_backend backend_of(const json::object& of) {
  reported_backend backend;
  backend.address = text_at(of, "address");
  backend.role = text_at(of, "role");
  backend.lsn = text_at(of, "lsn");
  backend.reason = text_at(of, "reason");
  backend.timeline = count_at(of, "timeline");
  backend.replay_lag_bytes = count_at(of, "replay_lag_bytes");
  backend.sessions = count_at(of, "sessions");
  backend.is_rw_eligible = of.at("rw_eligible").as_bool();
  backend.is_ro_eligible = of.at("ro_eligible").as_bool();
  if (const json::value& age = of.at("probe_age_ms"); !age.is_null()) {
    backend.probe_age = milliseconds(age.to_number<std::int64_t>());
  }
  const json::value* const order = of.if_contains("order");  // an older pgsteer has none
  if (order != nullptr && order->is_object() && !order->at("left_ms").is_null())
    backend.order_left = milliseconds(order->at("left_ms").to_number<std::int64_t>());
  return backend;
}

status_report report_of(const json::object& topology, const json::object& readyz) {
  status_report report;
  report.generation = count_at(topology, "generation");
  report.fence_timeline = count_at(topology, "fence_timeline");
  report.system_identifier = text_at(topology, "system_identifier");
  if (const json::value& primary = topology.at("primary"); !primary.is_null()) {
    report.primary = json::value_to<std::string>(primary);
  }
  report.is_ambiguous = topology.at("ambiguous").as_bool();
  for (const json::value& each : topology.at("backends").as_array()) {
    report.backends.push_back(backend_of(each.as_object()));
  }
  report.is_draining = readyz.at("draining").as_bool();
  for (const json::value& each : readyz.at("listeners").as_array()) {
    const json::object& of = each.as_object();
    report.listeners.push_back({text_at(of, "name"), text_at(of, "address"), text_at(of, "route"),
                                of.at("ready").as_bool(), text_at(of, "reason")});
  }
  return report;
}

std::string yes_or_no(bool value) {
  return value ? "yes" : "no";
}

table_row backend_row(const reported_backend& of) {
  return {or_dash(of.address),
          or_dash(of.role),
          of.timeline == 0 ? "-" : std::to_string(of.timeline),
          or_dash(of.lsn),
          of.role == "standby" ? bytes_in_words(of.replay_lag_bytes) : "-",
          std::to_string(of.sessions),
          yes_or_no(of.is_rw_eligible),
          yes_or_no(of.is_ro_eligible),
          of.probe_age ? age_in_words(*of.probe_age) : "never",
          terminal_safe(of.reason) + (of.order_left ? ", " + left_in_words(of.order_left) : "")};
}

}  // namespace

std::optional<status_report> read_report(std::string_view topology, std::string_view readyz) {
  try {
    return report_of(json::parse(topology).as_object(), json::parse(readyz).as_object());
  } catch (const std::exception&) {  // how Boost.JSON says malformed, missing and of another type
    return std::nullopt;
  }
}

void print_report(const status_report& report, std::ostream& out) {
  out << "system identifier: " << or_dash(report.system_identifier) << '\n'
      << "primary:           " << (report.primary ? terminal_safe(*report.primary) : "none") << '\n'
      << "fence timeline:    " << report.fence_timeline << '\n'
      << "generation:        " << report.generation << '\n';
  if (report.is_draining) out << "pgsteer is draining: it takes no new sessions.\n";
  if (report.is_ambiguous) out << "ALARM: two backends claim to be primary on the same timeline.\n";

  std::vector<table_row> listeners{{"LISTENER", "ADDRESS", "ROUTE", "READY", "REASON"}};
  for (const listener_readiness& each : report.listeners) {
    listeners.push_back({or_dash(each.name), or_dash(each.address), or_dash(each.route),
                         yes_or_no(each.is_ready), terminal_safe(each.reason)});
  }
  out << '\n';
  print_table(listeners, out);

  std::vector<table_row> backends{
      {"ADDRESS", "ROLE", "TIMELINE", "LSN", "LAG", "SESSIONS", "RW", "RO", "PROBE", "REASON"}};
  for (const reported_backend& each : report.backends) backends.push_back(backend_row(each));
  out << '\n';
  print_table(backends, out);
}

}  // namespace pgsteer::admin
