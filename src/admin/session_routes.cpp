#include "admin/session_routes.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "admin/awaited_report.hpp"
#include "admin/session_list_json.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;

constexpr std::string_view sessions_path = "/v1/sessions";
constexpr std::string_view kill_word = "/kill";

// "3f2a" of /v1/sessions/3f2a/kill; nothing: it is no such path.
std::optional<std::string> killed_id(std::string_view target) {
  if (!target.starts_with(sessions_path) || !target.ends_with(kill_word)) return std::nullopt;
  target.remove_prefix(sessions_path.size());
  if (!target.starts_with('/') || target.size() <= 1 + kill_word.size()) return std::nullopt;
  return std::string(target.substr(1, target.size() - 1 - kill_word.size()));
}

}  // namespace

bool session_pages::is_for(std::string_view target) noexcept {
  return target == sessions_path ||
         (target.starts_with(sessions_path) && target[sessions_path.size()] == '/');
}

asio::awaitable<response> session_pages::answer(request asked) {
  const unsigned version = asked.version();
  const auto killed = killed_id(asked.target());
  response made = make_response(http::status::not_found, text_plain,
                                "there are GET /v1/sessions and POST /v1/sessions/ID/kill\n", version);
  if (asked.target() == sessions_path && asked.method() == http::verb::get) {
    response listed = co_await list(version);
    made = std::move(listed);
  } else if (killed && asked.method() == http::verb::post) {
    response ended = co_await kill(*killed, version);
    made = std::move(ended);
  }
  co_return made;
}

asio::awaitable<response> session_pages::list(unsigned version) {
  const auto awaited = std::make_shared<awaited_report<std::string>>(context_);
  const auto text = std::make_shared<session_list_text>();
  session_list_taker taker;
  taker.some = [text](const std::vector<live_session>& some) {
    for (const live_session& each : some) text->add(each);
  };
  taker.over = [text, told = note_in(awaited)](const session_list_taker::rest& rest) {
    told(text->finish(rest));
  };
  provider_.sessions(std::move(taker));
  const bool is_over = co_await awaited->said.wait_until(clock::now() + order_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, text_plain,
                            "the sessions are still being gathered\n", version);
  }
  co_return make_response(http::status::ok, application_json, std::move(*awaited->report), version);
}

asio::awaitable<response> session_pages::kill(std::string id, unsigned version) {
  const auto awaited = std::make_shared<awaited_report<kill_report>>(context_);
  provider_.kill_session(id, note_in(awaited));
  const bool is_over = co_await awaited->said.wait_until(clock::now() + order_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, text_plain,
                            "the session is still being looked for\n", version);
  }
  const bool is_done = awaited->report->what == kill_report::outcome::done;
  co_return make_response(is_done ? http::status::ok : http::status::conflict, application_json,
                          to_json(*awaited->report), version);
}

}  // namespace pgsteer::admin
