#include "admin/control_reports.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>
#include <vector>

#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<reload_report::outcome, std::string_view>, 3> reload_words{
    {{reload_report::outcome::applied, "applied"},
     {reload_report::outcome::invalid, "invalid"},
     {reload_report::outcome::impossible, "impossible"}}};
constexpr std::array<std::pair<upgrade_report::outcome, std::string_view>, 2> upgrade_words{
    {{upgrade_report::outcome::done, "done"}, {upgrade_report::outcome::impossible, "impossible"}}};

template <class Words, class Outcome>
std::string_view word_of(const Words& words, Outcome what) {
  return std::ranges::find(words, what, [](const auto& each) { return each.first; })->second;
}

template <class Words, class Outcome>
bool read_outcome(const json::object& from, const Words& words, Outcome& out) {
  const json::value* const found = from.if_contains("outcome");
  if (found == nullptr || !found->is_string()) return false;
  const std::string_view said = found->get_string();
  const auto known = std::ranges::find(words, said, [](const auto& each) { return each.second; });
  if (known == words.end()) return false;
  out = known->first;
  return true;
}

bool read_text(const json::object* from, std::string_view key, std::string& out) {
  const json::value* const found = from == nullptr ? nullptr : from->if_contains(key);
  if (found == nullptr || !found->is_string()) return false;
  out = found->get_string();
  return true;
}

json::array texts(const std::vector<std::string>& from) {
  json::array out;
  for (const std::string& each : from) out.emplace_back(well_formed(each));
  return out;
}

bool read_texts(const json::object& from, std::string_view key, std::vector<std::string>& out) {
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
    if (!read_text(fields, "key", change.key) || !read_text(fields, "before", change.before) ||
        !read_text(fields, "after", change.after))
      return false;
    out.push_back(std::move(change));
  }
  return true;
}

bool read_count(const json::object& from, std::string_view key, std::uint64_t& out) {
  const json::value* const found = from.if_contains(key);
  boost::system::error_code ec;
  if (found != nullptr) out = found->to_number<std::uint64_t>(ec);
  return found != nullptr && !ec;
}

std::optional<json::object> parse_object(const std::string& text) {
  boost::system::error_code not_json;
  json::value root = json::parse(text, not_json);
  if (not_json || !root.is_object()) return std::nullopt;
  return std::move(root.get_object());
}

}  // namespace

std::string to_json(const reload_report& report) {
  json::array changes;
  for (const auto& each : report.changes)
    changes.push_back({{"key", well_formed(each.key)},
                       {"before", well_formed(each.before)},
                       {"after", well_formed(each.after)}});
  return json::serialize(json::object{{"outcome", word_of(reload_words, report.what)},
                                      {"problems", texts(report.problems)},
                                      {"changes", std::move(changes)},
                                      {"restart_keys", texts(report.restart_keys)}}) +
         "\n";
}

std::string to_json(const upgrade_report& report) {
  return json::serialize(json::object{{"outcome", word_of(upgrade_words, report.what)},
                                      {"problem", well_formed(report.problem)},
                                      {"pid", report.pid},
                                      {"sessions", report.sessions}}) +
         "\n";
}

std::optional<reload_report> read_reload_report(const std::string& text) {
  const auto fields = parse_object(text);
  reload_report report;
  const bool is_read = fields && read_outcome(*fields, reload_words, report.what) &&
                       read_texts(*fields, "problems", report.problems) &&
                       read_texts(*fields, "restart_keys", report.restart_keys) &&
                       read_changes(*fields, report.changes);
  return is_read ? std::optional(std::move(report)) : std::nullopt;
}

std::optional<upgrade_report> read_upgrade_report(const std::string& text) {
  const auto fields = parse_object(text);
  upgrade_report report;
  std::uint64_t pid = 0;
  const bool is_read = fields && read_outcome(*fields, upgrade_words, report.what) &&
                       read_text(&*fields, "problem", report.problem) && read_count(*fields, "pid", pid) &&
                       read_count(*fields, "sessions", report.sessions);
  report.pid = static_cast<std::int64_t>(pid);
  return is_read ? std::optional(std::move(report)) : std::nullopt;
}

}  // namespace pgsteer::admin
