#include "pgsteer/admin/control_command.hpp"

#include <boost/asio/error.hpp>
#include <ostream>

#include "admin/control_asking.hpp"
#include "admin/control_reports.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

namespace http = boost::beast::http;

constexpr seconds control_patience{60};

std::string why_not_asked(const error_code& ec) {
  if (ec == boost::asio::error::timed_out)
    return "no answer within " + std::to_string(control_patience.count()) + " s";
  if (ec == boost::system::errc::no_such_file_or_directory)
    return "no such socket; is pgsteer running, and is control.socket set in its configuration?";
  if (ec == boost::asio::error::connection_refused) return "nobody listens there; is pgsteer running?";
  return ec.message();
}

}  // namespace

int nobody_there(const command& of, std::string_view why) {
  of.err << "pgsteer " << of.name << ": " << terminal_safe(of.control_socket) << ": " << why << '\n';
  return exit_nobody;
}

std::optional<fetched> answer_to(const command& of, question asked) {
  const auto answers = ask(unix_path{of.control_socket}, {std::move(asked)}, control_patience);
  if (answers) return answers->front();
  nobody_there(of, why_not_asked(answers.error()));
  return std::nullopt;
}

namespace {

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
  const auto answer = answer_to(here, {"/v1/reload", question::kind::order});
  if (!answer) return exit_nobody;
  const auto report = read_reload_report(answer->body);
  if (!report && answer->status == http::status::not_found)
    return nobody_there(here, "something answers there, but not with what became of a reload");
  if (!report) return nobody_there(here, terminal_safe(answer->body));
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
  asked.binary = binary;
  const auto answer = answer_to(here, std::move(asked));
  if (!answer) return exit_nobody;
  const auto report = read_upgrade_report(answer->body);
  if (!report && answer->status == http::status::not_found)
    return nobody_there(here, "something answers there, but not with what became of an upgrade");
  if (!report) return nobody_there(here, terminal_safe(answer->body));
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
