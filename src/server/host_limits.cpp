#include "server/host_limits.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {
namespace {

// Probes, listeners, admin connections, epoll sets, the log.
constexpr std::uint64_t descriptors_reserved = 256;

// As many of those that are wanted as fit.
std::uint32_t at_least_one_of(std::uint32_t wanted, std::uint64_t fitting) noexcept {
  return std::max(1U, static_cast<std::uint32_t>(std::min<std::uint64_t>(fitting, wanted)));
}

}  // namespace

descriptor_use fitting_in(std::uint64_t open_files, const descriptor_use& wanted) noexcept {
  const std::uint64_t without_lingering =
      descriptors_reserved + std::uint64_t{wanted.workers} * wanted.by_each_worker;
  const std::uint64_t all = without_lingering + std::uint64_t{wanted.workers} * wanted.lingering_by_each;
  const std::uint64_t reserved = std::min(all, open_files / 2);
  const std::uint64_t lingering = reserved - std::min(reserved, without_lingering);
  descriptor_use fitting = wanted;
  fitting.sessions = at_least_one_of(wanted.sessions, (open_files - reserved) / 2);
  fitting.lingering_by_each = at_least_one_of(wanted.lingering_by_each, lingering / wanted.workers);
  return fitting;
}

descriptor_use raise_open_files_limit(const descriptor_use& wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const descriptor_use fitting = fitting_in(limit.rlim_cur, wanted);
  static std::uint32_t warned_of = 0;
  if (fitting.sessions == wanted.sessions || std::exchange(warned_of, wanted.sessions) == wanted.sessions)
    return fitting;
  log(log_level::warning,
      "the limit of open files is too low for limits.sessions, which is lowered; raise it (ulimit -n)",
      {{"open_files", static_cast<std::int64_t>(limit.rlim_cur)},
       {"sessions_configured", static_cast<std::int64_t>(wanted.sessions)},
       {"sessions", static_cast<std::int64_t>(fitting.sessions)}});
  return fitting;
}

}  // namespace pgsteer::server
