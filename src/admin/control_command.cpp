#include "pgsteer/admin/control_command.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "admin/control_asking.hpp"
#include "admin/control_reports.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

namespace http = boost::beast::http;

std::string shown(const std::string& value) {
  return value.empty() ? std::string("(none)") : terminal_safe(value);
}

void print_applied(const reload_report& report, std::ostream& out) {
  for (const auto& each : report.changes)
    out << terminal_safe(each.key) << ": " << shown(each.before) << " -> " << shown(each.after) << '\n';
  for (const std::string& key : report.restart_keys)
    out << terminal_safe(key) << ": not changed before the next start\n";
  out << (report.changes.empty() ? "configuration reloaded, nothing has changed\n"
                                 : "configuration reloaded\n");
}

}  // namespace

int run_reload(const std::string& control_socket, std::ostream& out, std::ostream& err) {
  const command here{"reload", control_socket, out, err};
  const auto report =
      report_of(here, {"/v1/reload", question::kind::order}, read_reload_report, "what became of a reload");
  if (!report) return exit_nobody;
  for (const std::string& problem : report->problems) err << terminal_safe(problem) << '\n';
  switch (report->what) {
    case reload_report::outcome::applied:
      print_applied(*report, out);
      return exit_done;
    case reload_report::outcome::invalid:
      return exit_invalid;
    case reload_report::outcome::impossible:
      return exit_impossible;
  }
  return exit_impossible;
}

int run_upgrade(const std::string& control_socket, const std::string& binary, std::ostream& out,
                std::ostream& err) {
  const command here{"upgrade", control_socket, out, err};
  question asked{"/v1/upgrade", question::kind::order};
  if (!binary.empty())
    asked.body = boost::json::serialize(boost::json::object{{"binary", well_formed(binary)}});
  const auto report = report_of(here, std::move(asked), read_upgrade_report, "what became of an upgrade");
  if (!report) return exit_nobody;
  if (report->what == upgrade_report::outcome::impossible) {
    err << "pgsteer upgrade: " << terminal_safe(report->problem) << "; the running pgsteer goes on\n";
    return exit_impossible;
  }
  out << "process " << report->pid << " has taken over, with " << report->sessions << " sessions\n";
  return exit_done;
}

int run_config(const std::string& control_socket, std::ostream& out, std::ostream& err) {
  const command here{"config", control_socket, out, err};
  const auto answer = answer_to(here, {"/v1/config"});
  if (!answer) return exit_nobody;
  if (answer->status != http::status::ok)
    return nobody_there(here, "something answers there, but not with a configuration");
  out << answer->body;
  return exit_done;
}

}  // namespace pgsteer::admin
