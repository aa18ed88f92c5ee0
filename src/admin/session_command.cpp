#include "pgsteer/admin/session_command.hpp"

#include <algorithm>
#include <ostream>

#include "admin/control_asking.hpp"
#include "admin/session_list.hpp"
#include "admin/session_list_json.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

// 64 bits in hexadecimal.
constexpr std::size_t id_digits_max = 16;

bool is_id(const std::string& text) {
  return !text.empty() && text.size() <= id_digits_max &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

}  // namespace

int run_sessions(const std::string& control_socket, const sessions_request& wanted, std::ostream& out,
                 std::ostream& err) {
  const command here{"sessions", control_socket, out, err};
  const auto answer = answer_to(here, {"/v1/sessions"});
  if (!answer) return exit_nobody;
  auto report = read_session_report(answer->body);
  if (!report) return nobody_there(here, "something answers there, but not with a list of sessions");
  if (!wanted.backend.empty() && !knows_backend(*report, wanted.backend)) {
    err << "pgsteer sessions: --backend: expected one of " << terminal_safe(backends_in_words(*report))
        << ", found \"" << terminal_safe(wanted.backend) << "\"\n";
    return exit_impossible;
  }
  const std::size_t all = report->sessions.size();
  const std::vector<live_session> shown = chosen(std::move(report->sessions), wanted);
  if (wanted.as_json) {
    print_sessions_json(shown, out);
  } else {
    print_sessions(shown, all, out);
  }
  for (const std::string& each : report->rest.missing)
    err << "pgsteer sessions: not complete: " << terminal_safe(each) << '\n';
  return report->rest.missing.empty() ? exit_done : exit_impossible;
}

int run_session_kill(const std::string& control_socket, const std::string& id, std::ostream& out,
                     std::ostream& err) {
  const command here{"session kill", control_socket, out, err};
  if (!is_id(id)) {
    err << "pgsteer session kill: expected an ID as `pgsteer sessions` shows it, such as 3f2a, found \""
        << terminal_safe(id) << "\"\n";
    return exit_invalid;
  }
  const auto answer = answer_to(here, {"/v1/sessions/" + id + "/kill", question::kind::order});
  if (!answer) return exit_nobody;
  const auto report = read_kill_report(answer->body);
  if (!report) return nobody_there(here, "something answers there, but not with what became of a session");
  if (report->what == kill_report::outcome::impossible) {
    err << "pgsteer session kill: " << terminal_safe(report->problem) << '\n';
    return exit_impossible;
  }
  out << ended_in_words(report->was) << '\n';
  return exit_done;
}

}  // namespace pgsteer::admin
