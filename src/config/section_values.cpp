// The scalar values of a section: each reader says what it expected before it gives up.
#include <algorithm>

#include "config/address.hpp"
#include "config/closest_word.hpp"
#include "config/section.hpp"
#include "config/units.hpp"
#include "config/yaml_text.hpp"

namespace pgsteer::config {
namespace {

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// NAMEDATALEN - 1, src/include/pg_config_manual.h.
constexpr std::size_t identifier_bytes_max = 63;
// PATH_MAX without its terminating zero.
constexpr std::size_t path_bytes_max = 4095;

}  // namespace

std::optional<std::string> section::scalar(std::string_view name, std::string_view expected) {
  const entry* found = ask(name);
  if (found == nullptr) return std::nullopt;
  if (!found->value.IsScalar()) {
    report(name, std::string(expected));
    return std::nullopt;
  }
  return found->value.Scalar();
}

std::optional<milliseconds> section::time_value(std::string_view name, time_range range, milliseconds step) {
  std::string expected = "a duration from " + duration_text(range.min) + " to " + duration_text(range.max);
  expected += step == milliseconds{1} ? " (units: " + std::string(duration_units) + ")" : " in whole seconds";
  const auto text = scalar(name, expected);
  if (!text) return std::nullopt;
  const auto value = parse_duration(*text);
  if (value && *value >= range.min && *value <= range.max && *value % step == milliseconds{0}) return value;
  report(name, expected);
  return std::nullopt;
}

void section::time(std::string_view name, duration& target, time_range range) {
  if (const auto value = time_value(name, range, milliseconds{1})) target = *value;
  record(name, duration_text(target));
}

void section::time(std::string_view name, milliseconds& target, time_range range) {
  if (const auto value = time_value(name, range, milliseconds{1})) target = *value;
  record(name, duration_text(target));
}

void section::time(std::string_view name, seconds& target, time_range range) {
  if (const auto value = time_value(name, range, seconds{1}))
    target = std::chrono::duration_cast<seconds>(*value);
  record(name, duration_text(target));
}

std::optional<std::uint64_t> section::whole_value(std::string_view name, whole_range range,
                                                  std::string_view alternative) {
  std::string expected =
      "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
  if (!alternative.empty()) expected = std::string(alternative) + " or " + expected;
  const auto text = scalar(name, expected);
  if (!text || (!alternative.empty() && *text == alternative)) return std::nullopt;
  const auto value = parse_whole(*text);
  if (value && *value >= range.min && *value <= range.max) return value;
  report(name, expected);
  return std::nullopt;
}

void section::size(std::string_view name, std::uint32_t& target, whole_range range) {
  const std::string expected = "a size from " + size_text(range.min) + " to " + size_text(range.max) +
                               " (units: " + std::string(size_units) + ")";
  const auto text = scalar(name, expected);
  const auto value = text ? parse_size(*text) : std::nullopt;
  if (value && *value >= range.min && *value <= range.max) {
    target = static_cast<std::uint32_t>(*value);
  } else if (text) {
    report(name, expected, in_quotes(*text) + (value ? std::string() : did_you_mean(size_meant(*text))));
  }
  record(name, size_text(target));
}

void section::identifier(std::string_view name, std::string& target) {
  const std::string expected = "a name of 1 to " + std::to_string(identifier_bytes_max) + " bytes";
  const auto text = scalar(name, expected);
  if (text && (text->empty() || text->size() > identifier_bytes_max || !is_printable(*text))) {
    report(name, expected);
  } else if (text) {
    target = *text;
  }
  record(name, scalar_text(target));
}

void section::file_path(std::string_view name, std::string& target, path_rule rule) {
  const std::string expected = "the path of a file, or \"\" for none";
  const auto text = scalar(name, expected);
  if (text && (text->size() > path_bytes_max || !is_printable(*text))) {
    report(name, expected);
  } else if (text) {
    target = *text;
    const place at = place_of_value(name);
    if (!target.empty()) file_->add_path({path_of(name), target, rule, at.line, at.column});
  }
  record(name, scalar_text(target));
}

std::optional<std::ptrdiff_t> section::word_index(std::string_view name,
                                                  const std::vector<std::string_view>& known) {
  const std::string expected = listed(known);
  const auto text = scalar(name, expected);
  if (!text) return std::nullopt;
  const auto found = std::find(known.begin(), known.end(), *text);
  if (found != known.end()) return found - known.begin();
  report(name, expected, in_quotes(*text) + did_you_mean(closest_word(*text, known)));
  return std::nullopt;
}

void section::word(std::string_view name, std::string& target,
                   std::initializer_list<std::string_view> words) {
  if (const auto index = word_index(name, words)) target = *(words.begin() + *index);
  record(name, target);
}

void section::bind_address(std::string_view name, endpoint& target) {
  read_bind(name, target, "an IP address and a port such as 0.0.0.0:5432 or [::]:5432",
            [](const endpoint& value) { return is_ip_literal(value.host); });
}

void section::bind_address_or_folder(std::string_view name, endpoint& target) {
  read_bind(name, target,
            "an IP address and a port such as 0.0.0.0:5432 or [::]:5432, or the folder of a Unix socket (at "
            "most 92 bytes) and a port such as /run/postgresql:5432",
            [](const endpoint& value) {
              return is_ip_literal(value.host) || (is_unix_folder(value) && value.port != 0);
            });
}

void section::read_bind(std::string_view name, endpoint& target, std::string_view expected,
                        bool (*is_good)(const endpoint&)) {
  if (const auto text = scalar(name, std::string(expected))) {
    const auto value = parse_endpoint(*text);
    if (value && is_good(*value)) {
      target = *value;
    } else {
      report(name, std::string(expected));
    }
  }
  record(name, scalar_text(to_string(target)));
}

}  // namespace pgsteer::config
