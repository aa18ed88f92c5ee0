#include "server/successor_process.hpp"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace pgsteer::server {
namespace {

std::string in_words(int status) {
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "has ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

result<pid_t> successor_process::start(std::vector<std::string> arguments,
                                       std::function<void(std::string)> on_end) {
  forget();
  error_code ignored;
  ended_.close(ignored);
  std::vector<char*> argv;
  for (std::string& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  // What a library has opened without O_CLOEXEC too: a connection whose copy lives on there never ends.
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, argv.front(), &files, &attributes, argv.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return error_code(error, boost::system::system_category());
  pid_ = pid;
  on_end_ = std::move(on_end);
  // Without a pidfd (before Linux 5.3) its end shows as silence.
  const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd >= 0) {
    ended_.assign(pidfd);
    wait();
  }
  return pid;
}

void successor_process::wait() {
  ended_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const error_code& ec) {
    if (ec) return;
    int status = 0;
    const bool is_known = ::waitpid(pid_, &status, WNOHANG) == pid_;
    pid_ = 0;
    error_code ignored;
    ended_.close(ignored);
    if (auto told = std::exchange(on_end_, nullptr)) told(is_known ? in_words(status) : "has ended");
  });
}

void successor_process::forget() {
  on_end_ = nullptr;
}

void successor_process::terminate() {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

}  // namespace pgsteer::server
