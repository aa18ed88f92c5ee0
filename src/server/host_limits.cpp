#include "server/host_limits.hpp"

#include <sys/resource.h>

#include <algorithm>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {
namespace {

// Probes, listeners, admin connections, epoll sets, the log.
constexpr std::uint64_t descriptors_reserved = 256;

}  // namespace

std::uint64_t sessions_fitting(std::uint64_t open_files, std::uint64_t workers_descriptors) noexcept {
  const std::uint64_t reserved = std::min(descriptors_reserved + workers_descriptors, open_files / 2);
  return std::max<std::uint64_t>(1, (open_files - reserved) / 2);
}

std::uint32_t raise_open_files_limit(std::uint32_t sessions_max, std::uint64_t workers_descriptors) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return sessions_max;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t fitting = sessions_fitting(limit.rlim_cur, workers_descriptors);
  if (fitting >= sessions_max) return sessions_max;
  log(log_level::warning,
      "the limit of open files is too low for limits.sessions, which is lowered; raise it (ulimit -n)",
      {{"open_files", static_cast<std::int64_t>(limit.rlim_cur)},
       {"sessions_configured", static_cast<std::int64_t>(sessions_max)},
       {"sessions", static_cast<std::int64_t>(fitting)}});
  return static_cast<std::uint32_t>(fitting);
}

}  // namespace pgsteer::server
