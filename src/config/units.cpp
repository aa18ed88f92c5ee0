#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace pgsteer::config {
namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};
// Largest first, for duration_text and size_text.
constexpr std::array<unit, 4> duration_table{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<unit, 4> size_table{
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};

constexpr std::string_view digits = "0123456789";

std::optional<std::uint64_t> parse_with_unit(std::string_view text,
                                             const std::array<unit, 4>& table) noexcept {
  const auto unit_begin = text.find_first_not_of(digits);
  if (unit_begin == std::string_view::npos) return std::nullopt;
  const auto count = parse_whole(text.substr(0, unit_begin));
  if (!count) return std::nullopt;
  for (const unit& each : table) {
    if (text.substr(unit_begin) != each.name) continue;
    // Signed, because a duration is; far above every range of a key.
    if (*count > std::numeric_limits<std::int64_t>::max() / each.factor) return std::nullopt;
    return *count * each.factor;
  }
  return std::nullopt;
}

std::string text_with_unit(std::uint64_t value, const std::array<unit, 4>& table, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const unit& each : table) {
    if (value % each.factor == 0) return std::to_string(value / each.factor).append(each.name);
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> parse_whole(std::string_view text) noexcept {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<milliseconds> parse_duration(std::string_view text) noexcept {
  const auto value = parse_with_unit(text, duration_table);
  if (!value) return std::nullopt;
  return milliseconds{static_cast<milliseconds::rep>(*value)};
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  return parse_with_unit(text, size_table);
}

std::string duration_text(duration value) {
  const auto ms = std::chrono::duration_cast<milliseconds>(value).count();
  return text_with_unit(static_cast<std::uint64_t>(ms), duration_table, "0s");
}

std::string size_text(std::uint64_t bytes) {
  return text_with_unit(bytes, size_table, "0B");
}

std::string size_meant(std::string_view text) {
  const auto unit_begin = text.find_first_not_of(digits);
  if (unit_begin == std::string_view::npos || unit_begin == 0) return {};
  std::string_view rest = text.substr(unit_begin);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  constexpr std::string_view prefixes = "KMG";
  const auto letter = static_cast<unsigned char>(rest.empty() ? ' ' : rest.front());
  const auto prefix = prefixes.find(static_cast<char>(std::toupper(letter)));
  if (prefix == std::string_view::npos) return {};
  std::string meant(text.substr(0, unit_begin));
  (meant += prefixes[prefix]) += "iB";
  return parse_size(meant) ? meant : std::string();
}

}  // namespace pgsteer::config
