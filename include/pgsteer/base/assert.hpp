#pragma once
// PGSTEER_ASSERT: a broken invariant of our own code. Stays on in release: prints where and aborts.
//
// Never for bytes from the network, configuration or anything else the environment decides.

namespace pgsteer {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}  // namespace pgsteer

#define PGSTEER_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::pgsteer::assertion_failed(#expression, __FILE__, __LINE__))
