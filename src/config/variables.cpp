#include "config/variables.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "config/document.hpp"

namespace pgsteer::config {
namespace {

constexpr std::string_view opening = "${";
constexpr std::string_view escaped_opening = "$${";

bool is_variable_name(std::string_view text) {
  const auto is_letter = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::ranges::all_of(text, is_letter) &&
         std::isdigit(static_cast<unsigned char>(text.front())) == 0;
}

bad_variable malformed(std::string_view variable, bool has_end) {
  return {
      "${NAME}, a name of letters, digits and _ without a default or anything else, or $${ for a literal ${",
      in_quotes(variable) + (has_end ? "" : " without an end")};
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

replacement replace_variables(std::string_view text, const environment& variables) {
  replacement out;
  while (!text.empty()) {
    if (text.starts_with(escaped_opening)) {
      out.text += opening;
      text.remove_prefix(escaped_opening.size());
    } else if (!text.starts_with(opening)) {
      out.text += text.front();
      text.remove_prefix(1);
    } else {
      const auto end = text.find('}');
      const std::string_view variable = text.substr(0, end == std::string_view::npos ? end : end + 1);
      text.remove_prefix(variable.size());
      if (end == std::string_view::npos) {
        out.bad.push_back(malformed(variable, false));
        return out;
      }
      const std::string name(variable.substr(opening.size(), end - opening.size()));
      if (!is_variable_name(name)) {
        out.bad.push_back(malformed(variable, true));
      } else if (const auto value = variables(name)) {
        out.text += *value;
      } else {
        out.bad.push_back({"the environment variable " + name, "that it is not set"});
      }
    }
  }
  return out;
}

std::string escape_variables(std::string_view text) {
  std::string out;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.starts_with(opening)) out += '$';
    out += text.front();
  }
  return out;
}

}  // namespace pgsteer::config
