#pragma once
// Views of raw bytes. A view never owns; whoever returns one says how long it stays valid.
#include <cstdint>
#include <span>
#include <string_view>

namespace pgsteer {

using byte_span = std::span<const std::uint8_t>;
using mutable_byte_span = std::span<std::uint8_t>;

inline byte_span as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(byte_span bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace pgsteer
