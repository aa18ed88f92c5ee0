#include "config/yaml_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "config/variables.hpp"

namespace pgsteer::config {
namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view figures = "0123456789";

bool is_only(std::string_view text, std::string_view first, std::string_view second,
             std::string_view third = {}) {
  return std::ranges::all_of(text, [&](char c) {
    return first.find(c) != std::string_view::npos || second.find(c) != std::string_view::npos ||
           third.find(c) != std::string_view::npos;
  });
}

// What YAML 1.1 or 1.2 takes for something else than text: yaml.org/type/{bool,null}.html.
bool is_yaml_word(std::string_view text) {
  constexpr std::array<std::string_view, 9> words{"y",   "n",    "yes",   "no",  "on",
                                                  "off", "true", "false", "null"};
  std::string small(text);
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::find(words, small) != words.end();
}

// Also a date, and a time such as 12:30, which is a number of base 60: yaml.org/type/{int,float}.html.
bool may_be_number(std::string_view text) {
  if (figures.find(text.front()) == std::string_view::npos) return false;
  const bool is_other_base = text.size() > 1 && text[0] == '0' && std::isalpha(text[1]) != 0;
  return is_other_base || (is_only(text, figures, "_.eE+-:") && std::ranges::count(text, '.') < 2);
}

bool is_plain(std::string_view text) {
  if (text.empty() || text.back() == ':' || !is_only(text, letters, figures, "_-./:@+=")) return false;
  if (!is_only(text.substr(0, 1), letters, figures, "/_")) return false;
  return !is_yaml_word(text) && !may_be_number(text);
}

}  // namespace

std::string scalar_text(std::string_view value) {
  if (is_plain(value)) return std::string(value);
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : escape_variables(value)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      ((out += "\\x") += hex[byte >> 4U]) += hex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::vector<std::string> scalar_texts(const std::vector<std::string>& values) {
  std::vector<std::string> out;
  for (const std::string& each : values) out.push_back(scalar_text(each));
  return out;
}

std::string list_text(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& each : items) (out += out.size() == 1 ? "" : ", ") += each;
  return out + "]";
}

}  // namespace pgsteer::config
