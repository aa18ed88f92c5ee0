#include "pgsteer/topology/types.hpp"

#include <array>
#include <charconv>

namespace pgsteer::topology {
namespace {

void append_hex(std::string& text, std::uint32_t value) {
  std::array<char, 8> digits{};
  const auto [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  static_cast<void>(ec);  // eight digits hold every 32-bit value
  for (const char* digit = digits.data(); digit != end; ++digit) {
    text += *digit >= 'a' ? static_cast<char>(*digit - 'a' + 'A') : *digit;
  }
}

}  // namespace

std::string_view to_string(role value) noexcept {
  switch (value) {
    case role::unknown:
      return "unknown";
    case role::primary:
      return "primary";
    case role::standby:
      return "standby";
  }
  return "unknown";
}

std::string to_string(lsn value) {
  std::string text;
  append_hex(text, static_cast<std::uint32_t>(value.value >> 32));
  text += '/';
  append_hex(text, static_cast<std::uint32_t>(value.value));
  return text;
}

}  // namespace pgsteer::topology
