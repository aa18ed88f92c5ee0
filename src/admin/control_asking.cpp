#include "admin/control_asking.hpp"

#include <boost/asio/error.hpp>
#include <ostream>
#include <utility>

#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

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

void tell_no_report(const command& of, const fetched& answer, std::string_view news) {
  if (answer.status == boost::beast::http::status::not_found) {
    nobody_there(of, "something answers there, but not with " + std::string(news));
  } else {
    nobody_there(of, terminal_safe(answer.body));
  }
}

}  // namespace pgsteer::admin
