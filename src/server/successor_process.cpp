#include "server/successor_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace pgsteer::server {
namespace {

// A process id, or an error as its negative number: of the two that may come, either may be the first.
// Only what may be called between fork(2) and execve(2) of a process with threads: signal-safety(7).
void tell(int fd, std::int32_t number) noexcept {
  [[maybe_unused]] const auto n = ::write(fd, &number, sizeof number);
}

[[noreturn]] void become(char* const* argv, int telling) noexcept {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // What a library has opened without O_CLOEXEC too: a connection whose copy lives on there never ends.
  ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv(argv[0], argv);
  tell(telling, -errno);
  ::_exit(EXIT_FAILURE);
}

// 0: nobody is left to tell anything.
std::int32_t heard(int fd) noexcept {
  std::int32_t number = 0;
  ssize_t n = 0;
  do n = ::read(fd, &number, sizeof number);
  while (n < 0 && errno == EINTR);
  return n == sizeof number ? number : 0;
}

}  // namespace

// By way of a process between the two that ends at once: so it is the child of whoever takes in orphans, as
// this one mostly is. systemd waits for the end of no main process that is not its own child.
result<pid_t> successor_process::start(std::vector<std::string> arguments, std::function<void()> on_end) {
  forget();
  error_code ignored;
  ended_.close(ignored);
  std::vector<char*> argv;
  for (std::string& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return error_code(errno, boost::system::system_category());
  const net::unique_fd hearing(pipe[0]);
  net::unique_fd telling(pipe[1]);
  const pid_t between = ::fork();
  if (between < 0) return error_code(errno, boost::system::system_category());
  if (between == 0) {
    const pid_t successor = ::fork();
    if (successor == 0) become(argv.data(), telling.value());
    tell(telling.value(), successor < 0 ? -errno : successor);
    ::_exit(EXIT_SUCCESS);
  }
  telling.reset();
  ::waitpid(between, nullptr, 0);
  pid_t successor = 0;
  int error = 0;
  for (std::int32_t told = heard(hearing.value()); told != 0; told = heard(hearing.value()))
    (told > 0 ? successor : error) = std::abs(told);
  if (successor == 0 && error == 0) error = EAGAIN;
  if (error != 0) return error_code(error, boost::system::system_category());
  pid_ = successor;
  on_end_ = std::move(on_end);
  // Without a pidfd (before Linux 5.3) its end shows as silence.
  const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, successor, 0));
  if (pidfd >= 0) {
    ended_.assign(pidfd);
    wait();
  }
  return successor;
}

void successor_process::wait() {
  ended_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const error_code& ec) {
    if (ec) return;
    pid_ = 0;
    error_code ignored;
    ended_.close(ignored);
    if (const auto told = std::exchange(on_end_, nullptr)) told();
  });
}

void successor_process::forget() {
  on_end_ = nullptr;
}

void successor_process::terminate() {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

}  // namespace pgsteer::server
