#include "admin/control_routes.hpp"

#include <boost/beast/core/string.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "admin/control_reports.hpp"
#include "pgsteer/net/wait_point.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;

// Less than what a command waits for.
constexpr auto order_patience = seconds{50};
constexpr std::string_view plain_text = "text/plain; charset=utf-8";
constexpr std::string_view json_text = "application/json";

// Where one waits for what the provider says later, perhaps after the wait is over.
template <class Report>
struct awaited_report {
  explicit awaited_report(asio::io_context& context) : said(context) {}
  net::wait_point said;
  std::optional<Report> report;
};

template <class Report>
auto note_in(const std::shared_ptr<awaited_report<Report>>& awaited) {
  return [awaited](const Report& report) {
    awaited->report = report;
    awaited->said.wake();
  };
}

}  // namespace

asio::awaitable<response> control_pages::answer(request asked) {
  const std::string_view target = asked.target();
  const unsigned version = asked.version();
  const bool is_order = asked.method() == http::verb::post;
  response made;
  if (target == "/v1/reload" && is_order) {
    response reloaded = co_await reload(version);
    made = std::move(reloaded);
  } else if (target == "/v1/upgrade" && is_order) {
    response upgraded = co_await upgrade(std::string(asked[binary_field]), version);
    made = std::move(upgraded);
  } else if (target == "/v1/hand-over" && is_order) {
    made = hand_over(asked);
    if (made.result() == http::status::switching_protocols) co_return made;
  } else if (session_pages::is_for(target)) {
    response answered = co_await sessions_.answer(asked);
    made = std::move(answered);
  } else if (target == "/v1/config" && asked.method() == http::verb::get) {
    made = make_response(http::status::ok, "application/yaml", provider_.config_yaml(), version);
  } else {
    made = make_response(http::status::not_found, plain_text,
                         "there are POST /v1/reload, /v1/upgrade and /v1/hand-over, and GET /v1/config and "
                         "/v1/sessions\n",
                         version);
  }
  made.keep_alive(asked.keep_alive());
  co_return made;
}

asio::awaitable<response> control_pages::reload(unsigned version) {
  const auto awaited = std::make_shared<awaited_report<reload_report>>(context_);
  provider_.reload(note_in(awaited));
  const bool is_over = co_await awaited->said.wait_until(clock::now() + order_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, plain_text,
                            "the configuration is still being read, and is taken in once it is", version);
  }
  const bool is_applied = awaited->report->what == reload_report::outcome::applied;
  co_return make_response(is_applied ? http::status::ok : http::status::unprocessable_entity, json_text,
                          to_json(*awaited->report), version);
}

asio::awaitable<response> control_pages::upgrade(std::string binary, unsigned version) {
  const auto awaited = std::make_shared<awaited_report<upgrade_report>>(context_);
  provider_.upgrade(binary, note_in(awaited));
  const bool is_over = co_await awaited->said.wait_until(clock::now() + order_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, plain_text,
                            "the upgrade is still under way: the log says what becomes of it", version);
  }
  const bool is_done = awaited->report->what == upgrade_report::outcome::done;
  co_return make_response(is_done ? http::status::ok : http::status::conflict, json_text,
                          to_json(*awaited->report), version);
}

response control_pages::hand_over(const request& asked) const {
  const bool is_understood = boost::beast::iequals(asked[http::field::upgrade], hand_over_protocol);
  const std::string why_not =
      is_understood ? provider_.why_no_hand_over() : "expected Upgrade: " + std::string(hand_over_protocol);
  if (!why_not.empty())
    return make_response(http::status::conflict, plain_text, why_not + "\n", asked.version());
  response made(http::status::switching_protocols, asked.version());
  made.set(http::field::connection, "Upgrade");
  made.set(http::field::upgrade, hand_over_protocol);
  return made;
}

}  // namespace pgsteer::admin
