#include "pgsteer/admin/status_command.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <ostream>

#include "admin/admin_client.hpp"
#include "admin/status_report.hpp"
#include "admin/wording.hpp"
#include "pgsteer/base/errc.hpp"

namespace pgsteer::admin {
namespace {

namespace http = boost::beast::http;

// Everything is a few milliseconds away, or not there.
constexpr seconds patience{3};

constexpr std::string_view not_pgsteer = "something answers there, but it is not pgsteer's admin address";

std::string reason_for(const error_code& ec) {
  if (ec == pgsteer::errc::malformed_endpoint) return "not a URL of the form http://host:port";
  if (ec == boost::asio::error::connection_refused) return "connection refused; is pgsteer running there?";
  if (ec == boost::asio::error::timed_out)
    return "no answer within " + std::to_string(patience.count()) + " s";
  const bool is_http = ec.category() == http::make_error_code(http::error::bad_method).category();
  return is_http ? std::string(not_pgsteer) : ec.message();
}

// 503 is an answer of /readyz, not a failure of asking.
bool is_answer(const std::vector<fetched>& answers) {
  return answers[0].status == http::status::ok &&
         (answers[1].status == http::status::ok || answers[1].status == http::status::service_unavailable);
}

int give_up(const std::string& admin_url, std::string_view reason, std::ostream& err) {
  err << "pgsteer status: " << terminal_safe(admin_url) << ": " << reason << '\n';
  return 3;
}

}  // namespace

int run_status(const std::string& admin_url, std::ostream& out, std::ostream& err) {
  const auto where = parse_admin_url(admin_url);
  if (where.has_error()) return give_up(admin_url, reason_for(where.error()), err);
  const auto answers = ask(*where, {{"/api/v1/topology"}, {"/readyz"}}, patience);
  if (answers.has_error()) return give_up(admin_url, reason_for(answers.error()), err);
  if (!is_answer(*answers)) return give_up(admin_url, not_pgsteer, err);
  const auto report = read_report((*answers)[0].body, (*answers)[1].body);
  if (!report) return give_up(admin_url, not_pgsteer, err);

  print_report(*report, out);
  bool is_all_ready = !report->is_draining;
  for (const listener_readiness& each : report->listeners) is_all_ready = is_all_ready && each.is_ready;
  return is_all_ready ? 0 : 1;
}

}  // namespace pgsteer::admin
