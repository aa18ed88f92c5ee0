#include "admin/json_body.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

namespace pgsteer::admin {

namespace {

namespace json = boost::json;

}  // namespace

json_body::json_body(std::string_view text) {
  if (text.empty()) return;
  boost::system::error_code not_json;
  json::value root = json::parse({text.data(), text.size()}, not_json);
  if (not_json || !root.is_object()) {
    problem_ = "the body: expected a JSON object";
    if (not_json) problem_ += " (" + not_json.message() + ")";
    return;
  }
  fields_ = std::move(root.get_object());
}

std::optional<json::value> json_body::take(std::string_view key) {
  const auto found = fields_.find(key);
  if (found == fields_.end()) return std::nullopt;
  json::value value = std::move(found->value());
  fields_.erase(found);
  return value;
}

std::string json_body::text(std::string_view key) {
  const auto value = take(key);
  if (value && value->is_string()) return std::string(value->get_string());
  complain(key, "a string");
  return {};
}

std::uint64_t json_body::count(std::string_view key) {
  const auto value = take(key);
  boost::system::error_code no_count;
  const auto n = value ? value->to_number<std::uint64_t>(no_count) : 0;
  if (!value || no_count) complain(key, "a count");
  return n;
}

bool json_body::flag(std::string_view key) {
  const auto value = take(key);
  if (value && value->is_bool()) return value->get_bool();
  complain(key, "true or false");
  return false;
}

std::optional<std::string> json_body::text_if_any(std::string_view key) {
  const auto value = take(key);
  if (!value || value->is_null()) return std::nullopt;
  if (value->is_string()) return std::string(value->get_string());
  complain(key, "a string");
  return std::nullopt;
}

std::optional<double> json_body::number_if_any(std::string_view key) {
  const auto value = take(key);
  if (!value || value->is_null()) return std::nullopt;
  if (value->is_number()) return value->to_number<double>();
  complain(key, "a number");
  return std::nullopt;
}

void json_body::complain(std::string_view key, std::string_view expected) {
  if (problem_.empty()) problem_.append(key).append(": expected ").append(expected);
}

std::string json_body::problem() const {
  if (!problem_.empty() || fields_.empty()) return problem_;
  return std::string(fields_.begin()->key()) + ": not known here";
}

}  // namespace pgsteer::admin
