#pragma once
// How an instant goes to another process: as its age.
#include <chrono>
#include <cstdint>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::succession {

inline std::int64_t age_ns(time_point then, time_point now) noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now - then).count();
}
inline time_point before(time_point now, std::int64_t nanoseconds) noexcept {
  return now - std::chrono::nanoseconds(nanoseconds);
}

}  // namespace pgsteer::succession
