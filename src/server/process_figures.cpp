#include "server/process_figures.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace pgsteer::server {
namespace {

constexpr const char* descriptor_folder = "/proc/self/fd";

double seconds_of(const timeval& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::optional<double> cpu_seconds() noexcept {
  rusage use{};
  if (::getrusage(RUSAGE_SELF, &use) != 0) return std::nullopt;
  return seconds_of(use.ru_utime) + seconds_of(use.ru_stime);
}

// proc_pid_statm(5): the second figure is the resident set, in pages.
std::optional<std::uint64_t> resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  if (!(statm >> all >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::uint64_t> descriptors() {
  // From Linux 6.2 on the folder's size is their number; before, it is 0.
  struct stat folder {};
  if (::stat(descriptor_folder, &folder) == 0 && folder.st_size > 0)
    return static_cast<std::uint64_t>(folder.st_size);
  std::error_code ec;
  std::filesystem::directory_iterator each(descriptor_folder, ec);
  std::uint64_t found = 0;
  for (; !ec && each != std::filesystem::directory_iterator(); each.increment(ec)) ++found;
  // One of them is the iterator's own.
  if (ec || found == 0) return std::nullopt;
  return found - 1;
}

std::optional<std::uint64_t> descriptors_max() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return limit.rlim_cur;
}

}  // namespace

metrics::process_view process_figures() {
  return {.cpu_seconds = cpu_seconds(),
          .resident_bytes = resident_bytes(),
          .descriptors = descriptors(),
          .descriptors_max = descriptors_max()};
}

}  // namespace pgsteer::server
