#include "support/data_plane.hpp"

#include <linux/io_uring.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "support/denied_calls.hpp"

namespace pgsteer::test {
namespace {

[[noreturn]] void give_up(const char* why, int exit_code) {
  std::fprintf(stderr, "%s\n", why);
  std::_Exit(exit_code);
}

data_plane chosen_by_environment() {
  const char* const chosen = std::getenv("PGSTEER_TEST_ENGINE");
  if (chosen == nullptr) return data_plane::by_default;
  const std::string_view name(chosen);
  if (name == "epoll") return data_plane::epoll;
  if (name == "io_uring") return data_plane::io_uring;
  if (name == "denied") return data_plane::denied;
  give_up("PGSTEER_TEST_ENGINE: expected epoll, io_uring or denied", EXIT_FAILURE);
}

// True where a kernel is too old for the engine (EINVAL) or forbids io_uring; any other trouble is the
// engine's own, and a test has to fail for it.
bool is_io_uring_refused() {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  const long ring = ::syscall(__NR_io_uring_setup, 1, &params);
  if (ring < 0) return errno == EPERM || errno == ENOSYS || errno == EINVAL;
  ::close(static_cast<int>(ring));
  return false;
}

}  // namespace

data_plane tested_data_plane() {
  static const data_plane chosen = chosen_by_environment();
  return chosen;
}

relay::engine_choice tested_engine() {
  switch (tested_data_plane()) {
    case data_plane::epoll:
      return relay::engine_choice::epoll;
    case data_plane::io_uring:
      return relay::engine_choice::io_uring;
    case data_plane::by_default:
    case data_plane::denied:
      break;
  }
  return relay::engine_choice::automatic;
}

void prepare_data_plane() {
  switch (tested_data_plane()) {
    case data_plane::io_uring:
      if (is_io_uring_refused()) give_up("SKIPPED: this kernel denies io_uring", not_available);
      return;
    case data_plane::denied:
      if (!deny_system_calls(
              {__NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register, __NR_bpf, __NR_splice}))
        give_up("SKIPPED: this kernel takes no seccomp filter", not_available);
      return;
    case data_plane::by_default:
    case data_plane::epoll:
      return;
  }
}

std::size_t open_rings() {
  std::size_t rings = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code closed_meanwhile;
    if (std::filesystem::read_symlink(entry.path(), closed_meanwhile) == "anon_inode:[io_uring]") ++rings;
  }
  return rings;
}

std::string wrong_engine(std::size_t workers, std::size_t rings) {
  if (tested_data_plane() == data_plane::by_default) return {};
  const std::size_t expected = tested_data_plane() == data_plane::io_uring ? workers : 0;
  if (rings == expected) return {};
  return "PGSTEER_TEST_ENGINE wants " + std::to_string(expected) + " workers on io_uring, there are " +
         std::to_string(rings);
}

}  // namespace pgsteer::test
