#include "pgsteer/admin/order_command.hpp"

#include <ostream>

#include "admin/control_asking.hpp"
#include "admin/order_reports.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

using topology::operator_order;

std::string name_of(const backend_order& order) {
  return "backend " + std::string(order.wanted ? topology::to_string(*order.wanted) : "resume");
}

// count and what they do: "1 session stays", "12 sessions stay".
std::string sessions_that(std::uint64_t count, std::string_view one_does, std::string_view many_do) {
  const bool is_one = count == 1;
  return std::to_string(count) + (is_one ? " session " : " sessions ") +
         std::string(is_one ? one_does : many_do);
}

std::string leaving_in_words(std::uint64_t count) {
  return sessions_that(count, "leaves once it is idle", "leave as they become idle");
}

std::string in_words(const backend_order& order, const std::string& time_in_words,
                     const backend_order_report& report) {
  if (!order.wanted) {
    return report.before ? "is resumed, it was " + std::string(topology::in_force(*report.before))
                         : "was under no order";
  }
  std::string words = "is " + std::string(topology::in_force(*order.wanted)) +
                      (order.time ? " for " + time_in_words : " until it is resumed") + "; ";
  words += *order.wanted == operator_order::kind::drain ? leaving_in_words(report.sessions)
                                                        : sessions_that(report.sessions, "stays", "stay");
  if (report.is_primary) words += "; it is the primary: new rw logins wait";
  return words;
}

}  // namespace

int run_backend_order(const std::string& control_socket, const backend_order& order,
                      const std::string& time_in_words, std::ostream& out, std::ostream& err) {
  const std::string name = name_of(order);
  const command here{name, control_socket, out, err};
  question asked{"/v1/backend", question::kind::order};
  asked.body = to_json(order);
  const auto report = report_of(here, std::move(asked), read_backend_order_report, "what became of an order");
  if (!report) return exit_nobody;
  if (report->what != backend_order_report::outcome::done) {
    err << "pgsteer " << name << ": " << terminal_safe(report->problem) << '\n';
    return exit_impossible;
  }
  out << terminal_safe(report->backend) << ' ' << in_words(order, time_in_words, *report) << '\n';
  return exit_done;
}

int run_drain(const std::string& control_socket, std::ostream& out, std::ostream& err) {
  const command here{"drain", control_socket, out, err};
  const auto report = report_of(here, {"/v1/drain", question::kind::order}, read_drain_report,
                                "what became of an order to drain");
  if (!report) return exit_nobody;
  if (!report->problem.empty()) {
    err << "pgsteer drain: " << terminal_safe(report->problem) << '\n';
    return exit_impossible;
  }
  out << (report->has_begun_before ? "pgsteer drains already; " : "pgsteer drains; ")
      << leaving_in_words(report->sessions) << '\n';
  return exit_done;
}

}  // namespace pgsteer::admin
