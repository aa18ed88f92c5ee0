#include "admin/session_routes.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "admin/session_list_json.hpp"
#include "pgsteer/net/wait_point.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;

constexpr std::string_view sessions_path = "/v1/sessions";
constexpr std::string_view kill_word = "/kill";
// As for other orders; the provider itself waits for a silent worker for a far shorter time.
constexpr auto session_patience = seconds{50};
constexpr std::string_view session_text = "text/plain; charset=utf-8";
constexpr std::string_view session_json = "application/json";

// Filled by the provider, perhaps after the wait is over.
struct awaited_list {
  explicit awaited_list(asio::io_context& context) : said(context) {}
  net::wait_point said;
  session_list_text text;
  std::string whole;
};

struct awaited_kill {
  explicit awaited_kill(asio::io_context& context) : said(context) {}
  net::wait_point said;
  kill_report report;
};

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
  response made = make_response(http::status::not_found, session_text,
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
  const auto awaited = std::make_shared<awaited_list>(context_);
  session_list_taker taker;
  taker.some = [awaited](const std::vector<live_session>& some) {
    for (const live_session& each : some) awaited->text.add(each);
  };
  taker.over = [awaited](const session_list_taker::rest& rest) {
    awaited->whole = awaited->text.finish(rest);
    awaited->said.wake();
  };
  provider_.sessions(std::move(taker));
  const bool is_over = co_await awaited->said.wait_until(clock::now() + session_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, session_text,
                            "the sessions are still being gathered\n", version);
  }
  co_return make_response(http::status::ok, session_json, std::move(awaited->whole), version);
}

asio::awaitable<response> session_pages::kill(std::string id, unsigned version) {
  const auto awaited = std::make_shared<awaited_kill>(context_);
  provider_.kill_session(id, [awaited](const kill_report& report) {
    awaited->report = report;
    awaited->said.wake();
  });
  const bool is_over = co_await awaited->said.wait_until(clock::now() + session_patience);
  if (!is_over) {
    co_return make_response(http::status::gateway_timeout, session_text,
                            "the session is still being looked for\n", version);
  }
  const bool is_done = awaited->report.what == kill_report::outcome::done;
  co_return make_response(is_done ? http::status::ok : http::status::conflict, session_json,
                          to_json(awaited->report), version);
}

}  // namespace pgsteer::admin
