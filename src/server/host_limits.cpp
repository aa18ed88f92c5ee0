#include "server/host_limits.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {
namespace {

// Probes, listeners, admin connections, epoll sets, the log.
constexpr std::uint64_t descriptors_reserved = 256;

}  // namespace

unsigned usable_cores() noexcept {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&mask)));
}

void raise_open_files_limit(std::uint32_t sessions_max) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t wanted = 2 * std::uint64_t{sessions_max} + descriptors_reserved;
  if (limit.rlim_cur >= wanted) return;
  log(log_level::warning, "the limit of open files is too low for limits.sessions; raise it (ulimit -n)",
      {{"limit", static_cast<std::int64_t>(limit.rlim_cur)}, {"wanted", static_cast<std::int64_t>(wanted)}});
}

}  // namespace pgsteer::server
