#include "admin/control_routes.hpp"

#include <boost/beast/core/string.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "admin/awaited_report.hpp"
#include "admin/control_reports.hpp"
#include "admin/json_body.hpp"
#include "admin/order_reports.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;

response bad_body(const std::string& problem, unsigned version) {
  return make_response(http::status::bad_request, text_plain, problem, version);
}

http::status status_of(backend_order_report::outcome what) {
  switch (what) {
    case backend_order_report::outcome::done:
      return http::status::ok;
    case backend_order_report::outcome::unknown:
      return http::status::not_found;
    case backend_order_report::outcome::ambiguous:
    case backend_order_report::outcome::impossible:
      return http::status::conflict;
  }
  return http::status::conflict;
}

}  // namespace

asio::awaitable<response> control_pages::answer(request asked) {
  response made;
  if (auto later = answer_later(asked)) {
    response answered = co_await std::move(*later);
    made = std::move(answered);
  } else {
    made = answer_at_once(asked);
  }
  if (made.result() != http::status::switching_protocols) made.keep_alive(asked.keep_alive());
  co_return made;
}

std::optional<asio::awaitable<response>> control_pages::answer_later(const request& asked) {
  const std::string_view target = asked.target();
  const bool is_order = asked.method() == http::verb::post;
  if (target == "/v1/reload" && is_order) return reload(asked.version());
  if (target == "/v1/upgrade" && is_order) return upgrade(asked.body(), asked.version());
  if (session_pages::is_for(target)) return sessions_.answer(asked);
  return std::nullopt;
}

response control_pages::answer_at_once(const request& asked) const {
  const std::string_view target = asked.target();
  if (asked.method() == http::verb::post) {
    if (target == "/v1/backend") return order_backend(asked);
    if (target == "/v1/drain") return drain(asked.version());
    if (target == "/v1/hand-over") return hand_over(asked);
  }
  if (target == "/v1/config" && asked.method() == http::verb::get)
    return make_response(http::status::ok, "application/yaml", provider_.config_yaml(), asked.version());
  return make_response(http::status::not_found, text_plain,
                       "there are POST /v1/reload, /v1/upgrade, /v1/backend, /v1/drain and /v1/hand-over, "
                       "and GET /v1/config and /v1/sessions\n",
                       asked.version());
}

asio::awaitable<response> control_pages::reload(unsigned version) {
  const auto awaited = std::make_shared<awaited_report<reload_report>>(context_);
  provider_.reload(note_in(awaited));
  const bool is_over = co_await awaited->said.wait_until(clock::now() + order_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, text_plain,
                            "the configuration is still being read, and is taken in once it is", version);
  }
  const bool is_applied = awaited->report->what == reload_report::outcome::applied;
  co_return make_response(is_applied ? http::status::ok : http::status::unprocessable_entity,
                          application_json, to_json(*awaited->report), version);
}

asio::awaitable<response> control_pages::upgrade(std::string body, unsigned version) {
  json_body wanted(body);
  const std::string binary = wanted.text_if_any("binary").value_or("");
  if (const std::string problem = wanted.problem(); !problem.empty()) co_return bad_body(problem, version);
  const auto awaited = std::make_shared<awaited_report<upgrade_report>>(context_);
  provider_.upgrade(binary, note_in(awaited));
  const bool is_over = co_await awaited->said.wait_until(clock::now() + order_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, text_plain,
                            "the upgrade is still under way: the log says what becomes of it", version);
  }
  const bool is_done = awaited->report->what == upgrade_report::outcome::done;
  co_return make_response(is_done ? http::status::ok : http::status::conflict, application_json,
                          to_json(*awaited->report), version);
}

response control_pages::order_backend(const request& asked) const {
  json_body body(asked.body());
  const backend_order order = read_backend_order(body);
  if (const std::string problem = body.problem(); !problem.empty()) return bad_body(problem, asked.version());
  const backend_order_report report = provider_.order_backend(order);
  return make_response(status_of(report.what), application_json, to_json(report), asked.version());
}

response control_pages::drain(unsigned version) const {
  const drain_report report = provider_.drain();
  return make_response(report.problem.empty() ? http::status::ok : http::status::conflict, application_json,
                       to_json(report), version);
}

response control_pages::hand_over(const request& asked) const {
  const bool is_understood = boost::beast::iequals(asked[http::field::upgrade], hand_over_protocol);
  const std::string why_not =
      is_understood ? provider_.why_no_hand_over() : "expected Upgrade: " + std::string(hand_over_protocol);
  if (!why_not.empty())
    return make_response(http::status::conflict, text_plain, why_not + "\n", asked.version());
  response made(http::status::switching_protocols, asked.version());
  made.set(http::field::connection, "Upgrade");
  made.set(http::field::upgrade, hand_over_protocol);
  return made;
}

}  // namespace pgsteer::admin
