#include "pgsteer/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace pgsteer {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "pgsteer: broken invariant %s at %s:%d; please report it\n", expression, file, line);
  std::abort();
}

}  // namespace pgsteer
