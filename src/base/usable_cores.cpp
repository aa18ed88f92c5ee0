#include "pgsteer/base/usable_cores.hpp"

#include <sched.h>

#include <algorithm>

namespace pgsteer {

unsigned usable_cores() noexcept {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&mask)));
}

}  // namespace pgsteer
