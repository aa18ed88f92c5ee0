#pragma once
// side: the two sides of a flow, and so its two directions.
//
// Pure.
#include <cstddef>
#include <cstdint>

namespace pgsteer::relay {

// The value of a side is also the value of the direction that it is the source of.
enum class side : std::uint8_t { client = 0, backend = 1 };

constexpr std::size_t index(side value) noexcept {
  return static_cast<std::size_t>(value);
}
constexpr side other(side value) noexcept {
  return value == side::client ? side::backend : side::client;
}

}  // namespace pgsteer::relay
