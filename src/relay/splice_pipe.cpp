#include "relay/splice_pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/log.hpp"

namespace pgsteer::relay {
namespace {

// Left for the copying read behind it; more than the six bytes by which a ReadyForQuery is known.
constexpr std::size_t tail_bytes = 4 * 1024;

io_outcome splice_some(int from, int to, std::size_t n) noexcept {
  for (;;) {
    const ssize_t moved = ::splice(from, nullptr, to, nullptr, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved >= 0) return {static_cast<std::size_t>(moved), 0};
    if (errno != EINTR) return {0, errno};
  }
}

}  // namespace

std::unique_ptr<splice_pipe> splice_pipe::make() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  auto made = std::make_unique<splice_pipe>(net::unique_fd(ends[0]), net::unique_fd(ends[1]));
  if (::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(bytes_max)) >= 0) return made;
  if (::fcntl(ends[1], F_GETPIPE_SZ) < static_cast<int>(bytes_min)) made.reset();
  return made;
}

io_outcome splice_pipe::fill(int from, std::size_t n) noexcept {
  PGSTEER_ASSERT(empty());
  const io_outcome moved = splice_some(from, in_.value(), std::min(n, bytes_max));
  held_ = moved.n;
  return moved;
}

io_outcome splice_pipe::drain(int to) noexcept {
  const io_outcome moved = splice_some(out_.value(), to, held_);
  held_ -= moved.n;
  return moved;
}

void splice_pipe::read_back(mutable_byte_span into) noexcept {
  PGSTEER_ASSERT(into.size() == held_);
  while (held_ > 0) {
    const ssize_t n = ::read(out_.value(), into.data() + (into.size() - held_), held_);
    PGSTEER_ASSERT(n > 0 || (n < 0 && errno == EINTR));  // a pipe has what was put into it
    if (n > 0) held_ -= static_cast<std::size_t>(n);
  }
}

std::unique_ptr<splice_pipe> pipe_pool::take() {
  if (!is_enabled() || in_use_ >= pipes_max) return nullptr;
  std::unique_ptr<splice_pipe> taken;
  if (!kept_.empty()) {
    taken = std::move(kept_.back());
    kept_.pop_back();
  } else if (to_skip_ > 0) {
    --to_skip_;
  } else {
    taken = splice_pipe::make();
    if (!taken) to_skip_ = takes_skipped;
  }
  if (taken) ++in_use_;
  return taken;
}

// One that still holds bytes is closed, and they with it.
void pipe_pool::give_back(std::unique_ptr<splice_pipe> pipe) noexcept {
  if (!pipe) return;
  PGSTEER_ASSERT(in_use_ > 0);
  --in_use_;
  if (is_enabled() && pipe->empty() && kept_.size() < kept_max) kept_.push_back(std::move(pipe));
}

std::size_t pipe_pool::fill(std::unique_ptr<splice_pipe>& pipe, int from, std::size_t n) {
  if (pipe == nullptr) pipe = take();
  if (pipe == nullptr) return 0;
  const io_outcome filled = pipe->fill(from, n);
  if (filled.has_failed()) {
    give_back(std::move(pipe));
    if (is_refusal_to_splice(filled.error)) disable(filled.error);
  }
  return filled.n;
}

void pipe_pool::want(bool is_wanted) noexcept {
  is_wanted_ = is_wanted;
  if (!is_enabled()) kept_.clear();
}

// Every worker meets the same kernel.
void pipe_pool::disable(int error) noexcept {
  is_refused_ = true;
  kept_.clear();
  static std::once_flag told;
  std::call_once(told, [error] {
    log(log_level::warning, "splice is not available, copying instead",
        {{"reason", to_error_code(error).message()}});
  });
}

std::size_t worth_splicing(int fd, std::size_t buffer_bytes) noexcept {
  int waiting = 0;
  if (::ioctl(fd, FIONREAD, &waiting) != 0) return 0;
  const auto bytes = static_cast<std::size_t>(waiting);
  return bytes >= buffer_bytes + tail_bytes ? bytes - tail_bytes : 0;
}

}  // namespace pgsteer::relay
