#include "server/host_limits.hpp"

#include <sys/resource.h>

#include <algorithm>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {
namespace {

// Probes, listeners, admin connections, epoll sets, the log.
constexpr std::uint64_t descriptors_reserved = 256;

}  // namespace

std::uint32_t raise_open_files_limit(std::uint32_t sessions_max) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return sessions_max;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t reserved = std::min<std::uint64_t>(descriptors_reserved, limit.rlim_cur / 2);
  const std::uint64_t fitting = std::max<std::uint64_t>(1, (limit.rlim_cur - reserved) / 2);
  if (fitting >= sessions_max) return sessions_max;
  log(log_level::warning,
      "the limit of open files is too low for limits.sessions, which is lowered; raise it (ulimit -n)",
      {{"open_files", static_cast<std::int64_t>(limit.rlim_cur)},
       {"sessions_configured", static_cast<std::int64_t>(sessions_max)},
       {"sessions", static_cast<std::int64_t>(fitting)}});
  return static_cast<std::uint32_t>(fitting);
}

}  // namespace pgsteer::server
