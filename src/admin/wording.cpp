#include "admin/wording.hpp"

#include <array>
#include <boost/nowide/utf/utf.hpp>
#include <cstdio>
#include <iterator>

namespace pgsteer::admin {
namespace {

// What a terminal acts on instead of showing it. C0, DEL and C1: the last holds the one-character form of ESC
// [ (ECMA-48, 5.4). Then what takes no place, changes the direction of what follows or ends the line:
// Unicode's Cf, Zl and Zp of the General Punctuation block, the Arabic letter mark and the byte order mark.
bool is_acted_on(std::uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) || code_point == 0x61c ||
         (code_point >= 0x200b && code_point <= 0x200f) || (code_point >= 0x2028 && code_point <= 0x202e) ||
         (code_point >= 0x2060 && code_point <= 0x206f) || code_point == 0xfeff;
}

std::string with_unit(double value, const char* unit) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, unit);
  return text.data();
}

}  // namespace

std::string bytes_in_words(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  static constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 and more would be printed as 1024.0.
  while (value >= 1023.95 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return with_unit(value, units[unit]);
}

std::string age_in_words(std::chrono::milliseconds age) {
  const auto ms = age.count();
  if (ms < 1'000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return with_unit(static_cast<double>(ms / 100) / 10, "s");
  if (ms < 3'600'000) return std::to_string(ms / 60'000) + " min";
  return std::to_string(ms / 3'600'000) + " h";
}

std::string ago_in_words(std::chrono::milliseconds age) {
  const auto ms = age.count();
  if (ms < 1'000) return "just now";
  if (ms < 60'000) return std::to_string(ms / 1'000) + " s ago";
  if (ms < 86'400'000) return age_in_words(age) + " ago";
  return std::to_string(ms / 86'400'000) + " d ago";
}

std::string left_in_words(std::optional<std::chrono::milliseconds> left) {
  return left ? age_in_words(*left) + " left" : "";
}

std::string well_formed(std::string_view text) {
  using traits = boost::nowide::utf::utf_traits<char>;
  std::string well;
  for (auto at = text.begin(); at != text.end();) {
    const auto start = at;
    const auto code_point = traits::decode(at, text.end());
    if (code_point == boost::nowide::utf::illegal || code_point == boost::nowide::utf::incomplete) {
      well += "\xef\xbf\xbd";
      at = start + 1;  // the byte that did not fit may begin a character of its own
    } else {
      well.append(start, at);
    }
  }
  return well;
}

std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : well_formed(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string terminal_safe(std::string_view text) {
  using traits = boost::nowide::utf::utf_traits<char>;
  const std::string valid = well_formed(text);
  std::string safe;
  for (auto at = valid.begin(); at != valid.end();) {
    const auto code_point = traits::decode(at, valid.end());
    traits::encode(is_acted_on(code_point) ? '?' : code_point, std::back_inserter(safe));
  }
  return safe;
}

std::string terminal_safe_json(std::string_view serialized) {
  using traits = boost::nowide::utf::utf_traits<char>;
  std::string safe;
  for (auto at = serialized.begin(); at != serialized.end();) {
    const auto start = at;
    const auto code_point = traits::decode(at, serialized.end());
    if (code_point < 0x7f || !is_acted_on(code_point)) {
      safe.append(start, at);
      continue;
    }
    std::array<char, 16> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(code_point));
    safe += escaped.data();
  }
  return safe;
}

}  // namespace pgsteer::admin
