#pragma once
// dice: all the randomness of one history, from one seed.
//
// Not the standard distributions: their values differ between libraries, and a seed must mean one history
// everywhere. A value; one thread.
#include <cstdint>
#include <random>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::simulation {

class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t roll() { return engine_(); }
  // From 0 to below bound.
  [[nodiscard]] std::uint64_t pick(std::uint64_t bound) { return engine_() % bound; }
  [[nodiscard]] bool happens(std::uint64_t per_mille) { return pick(1000) < per_mille; }
  [[nodiscard]] duration between(duration low, duration high) {
    const auto span = static_cast<std::uint64_t>((high - low).count());
    return low + duration{static_cast<duration::rep>(pick(span + 1))};
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace pgsteer::simulation
