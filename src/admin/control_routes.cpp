#include "admin/control_routes.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <memory>

#include "pgsteer/net/wait_point.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// Less than what a command waits for.
constexpr auto reload_patience = seconds{50};

constexpr std::array<std::pair<reload_report::outcome, std::string_view>, 3> outcome_words{
    {{reload_report::outcome::applied, "applied"},
     {reload_report::outcome::invalid, "invalid"},
     {reload_report::outcome::impossible, "impossible"}}};

std::string_view word_of(reload_report::outcome what) {
  return std::ranges::find(outcome_words, what, [](const auto& each) { return each.first; })->second;
}

response plain(http::status status, std::string_view type, std::string body, unsigned version) {
  response made(status, version);
  made.set(http::field::content_type, type);
  made.set(http::field::cache_control, "no-store");
  made.body() = std::move(body);
  made.prepare_payload();
  return made;
}

// Boost.JSON checks what it reads, not what it writes.
bool is_utf8(const std::string& text) {
  boost::system::error_code ec;
  (void)json::parse(json::serialize(json::string(text)), ec);
  return !ec;
}

// JSON is UTF-8. What is not is taken for Latin-1.
std::string as_utf8(const std::string& text) {
  if (is_utf8(text)) return text;
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0U | byte >> 6U);
      out += static_cast<char>(0x80U | (byte & 0x3fU));
    }
  }
  return out;
}

json::array words(const std::vector<std::string>& from) {
  json::array out;
  for (const std::string& each : from) out.emplace_back(as_utf8(each));
  return out;
}

bool read_words(const json::object& from, std::string_view key, std::vector<std::string>& out) {
  const json::value* const found = from.if_contains(key);
  if (found == nullptr || !found->is_array()) return false;
  for (const json::value& each : found->get_array()) {
    if (!each.is_string()) return false;
    out.emplace_back(each.get_string());
  }
  return true;
}

bool read_changes(const json::object& from, std::vector<reload_report::change>& out) {
  const json::value* const found = from.if_contains("changes");
  if (found == nullptr || !found->is_array()) return false;
  for (const json::value& each : found->get_array()) {
    const json::object* const fields = each.if_object();
    reload_report::change change;
    for (const auto& [key, to] : {std::pair{"key", &change.key}, std::pair{"before", &change.before},
                                  std::pair{"after", &change.after}}) {
      const json::value* const value = fields == nullptr ? nullptr : fields->if_contains(key);
      if (value == nullptr || !value->is_string()) return false;
      *to = value->get_string();
    }
    out.push_back(std::move(change));
  }
  return true;
}

// Where one waits for what the provider says later, perhaps after the wait is over.
struct awaited_report {
  explicit awaited_report(asio::io_context& context) : said(context) {}
  net::wait_point said;
  std::optional<reload_report> report;
};

}  // namespace

std::string to_json(const reload_report& report) {
  json::array changes;
  for (const auto& each : report.changes)
    changes.push_back(
        {{"key", as_utf8(each.key)}, {"before", as_utf8(each.before)}, {"after", as_utf8(each.after)}});
  return json::serialize(json::object{{"outcome", word_of(report.what)},
                                      {"problems", words(report.problems)},
                                      {"changes", std::move(changes)},
                                      {"restart_keys", words(report.restart_keys)}}) +
         "\n";
}

std::optional<reload_report> read_reload_report(const std::string& text) {
  boost::system::error_code not_json;
  const json::value root = json::parse(text, not_json);
  const json::object* const fields = not_json ? nullptr : root.if_object();
  const json::value* const outcome = fields == nullptr ? nullptr : fields->if_contains("outcome");
  if (outcome == nullptr || !outcome->is_string()) return std::nullopt;
  const std::string_view said = outcome->get_string();
  const auto known = std::ranges::find(outcome_words, said, [](const auto& each) { return each.second; });
  reload_report report;
  if (known == outcome_words.end() || !read_words(*fields, "problems", report.problems) ||
      !read_words(*fields, "restart_keys", report.restart_keys) || !read_changes(*fields, report.changes))
    return std::nullopt;
  report.what = known->first;
  return report;
}

asio::awaitable<response> control_pages::answer(request asked) {
  const std::string_view target = asked.target();
  const unsigned version = asked.version();
  response made;
  if (target == "/v1/reload" && asked.method() == http::verb::post) {
    response reloaded = co_await reload(version);
    made = std::move(reloaded);
  } else if (target == "/v1/config" && asked.method() == http::verb::get) {
    made = plain(http::status::ok, "application/yaml", provider_.config_yaml(), version);
  } else {
    made = plain(http::status::not_found, "text/plain; charset=utf-8",
                 "there are POST /v1/reload and GET /v1/config\n", version);
  }
  made.keep_alive(asked.keep_alive());
  co_return made;
}

asio::awaitable<response> control_pages::reload(unsigned version) {
  const auto awaited = std::make_shared<awaited_report>(context_);
  provider_.reload([awaited](const reload_report& report) {
    awaited->report = report;
    awaited->said.wake();
  });
  const bool is_over = co_await awaited->said.wait_until(clock::now() + reload_patience);
  if (!is_over) {
    co_return plain(http::status::gateway_timeout, "text/plain; charset=utf-8",
                    "the configuration is still being read, and is taken in once it is", version);
  }
  const bool is_applied = awaited->report->what == reload_report::outcome::applied;
  co_return plain(is_applied ? http::status::ok : http::status::unprocessable_entity, "application/json",
                  to_json(*awaited->report), version);
}

}  // namespace pgsteer::admin
