#include "admin/order_reports.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <string_view>
#include <utility>

#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

namespace json = boost::json;
using topology::operator_order;
using order_outcome = backend_order_report::outcome;

constexpr std::string_view resume_word = "resume";
constexpr std::array<std::pair<order_outcome, std::string_view>, 4> order_outcomes{
    {{order_outcome::done, "done"},
     {order_outcome::unknown, "unknown"},
     {order_outcome::ambiguous, "ambiguous"},
     {order_outcome::impossible, "impossible"}}};

using seconds_and_parts = std::chrono::duration<double>;

}  // namespace

std::string to_json(const backend_order& order) {
  json::object made{{"backend", well_formed(order.backend)},
                    {"order", order.wanted ? topology::to_string(*order.wanted) : resume_word}};
  if (order.time) made["seconds"] = in_seconds(*order.time);
  return json::serialize(made);
}

backend_order read_backend_order(json_body& body) {
  backend_order read;
  read.backend = body.text("backend");
  const std::string word = body.text("order");
  read.wanted = topology::to_operator_order(word);
  const bool is_resume = word == resume_word;
  if (!read.wanted && !is_resume) body.complain("order", "disable, drain or resume");
  if (const auto time = body.number_if_any("seconds")) {
    const bool is_in_range = *time >= seconds_and_parts(topology::order_time_min).count() &&
                             *time <= seconds_and_parts(topology::order_time_max).count();
    if (is_resume || !is_in_range) body.complain("seconds", "1 to 31536000, of disable or drain");
    if (is_in_range) read.time = std::chrono::duration_cast<duration>(seconds_and_parts(*time));
  }
  return read;
}

std::string to_json(const backend_order_report& report) {
  const auto word =
      std::ranges::find(order_outcomes, report.what, [](const auto& each) { return each.first; });
  return json::serialize(json::object{
             {"outcome", word->second},
             {"problem", well_formed(report.problem)},
             {"backend", well_formed(report.backend)},
             {"before", report.before ? json::value(topology::to_string(*report.before)) : nullptr},
             {"primary", report.is_primary},
             {"sessions", report.sessions}}) +
         "\n";
}

std::string to_json(const drain_report& report) {
  return json::serialize(json::object{{"problem", well_formed(report.problem)},
                                      {"begun_before", report.has_begun_before},
                                      {"sessions", report.sessions}}) +
         "\n";
}

std::optional<backend_order_report> read_backend_order_report(const std::string& text) {
  json_body body(text);
  backend_order_report report;
  const std::string said = body.text("outcome");
  const auto known = std::ranges::find(order_outcomes, said, [](const auto& each) { return each.second; });
  if (known == order_outcomes.end()) return std::nullopt;
  report.what = known->first;
  report.problem = body.text("problem");
  report.backend = body.text("backend");
  if (const auto before = body.text_if_any("before")) report.before = topology::to_operator_order(*before);
  report.is_primary = body.flag("primary");
  report.sessions = body.count("sessions");
  return body.problem().empty() ? std::optional(std::move(report)) : std::nullopt;
}

std::optional<drain_report> read_drain_report(const std::string& text) {
  json_body body(text);
  drain_report report;
  report.problem = body.text("problem");
  report.has_begun_before = body.flag("begun_before");
  report.sessions = body.count("sessions");
  return body.problem().empty() ? std::optional(std::move(report)) : std::nullopt;
}

}  // namespace pgsteer::admin
