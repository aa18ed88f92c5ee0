#pragma once
// flow: the base of what each engine keeps for one pair of sockets, and the names of its two sides.
//
// Not an interface: the owner holds a flow* only to hand it back to the engine that made it.
#include <cstddef>
#include <cstdint>

#include "pgsteer/relay/engine.hpp"

namespace pgsteer::relay {

class flow {
 protected:
  flow() = default;
  ~flow() = default;
  flow(const flow&) = delete;
  flow& operator=(const flow&) = delete;
};

// The value of a side is also the value of the direction that it is the source of.
enum class side : std::uint8_t { client = 0, backend = 1 };

constexpr std::size_t index(side value) noexcept {
  return static_cast<std::size_t>(value);
}
constexpr side other(side value) noexcept {
  return value == side::client ? side::backend : side::client;
}

}  // namespace pgsteer::relay
