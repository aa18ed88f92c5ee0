#pragma once
// splice_pipe: a pipe through which bytes go from one socket to another without being copied: the kernel
// passes their pages on. And the pool of a worker, as a pipe costs two descriptors and three system calls.
//
// Pays for bulk only: two system calls move up to bytes_max, where a copy needs two for each buffer. Not for
// the last bytes of a burst, whose end the relay wants to see (relay/ready_tail.hpp). Worker's thread.
//
// SIGPIPE has to be ignored: splice(2) knows no MSG_NOSIGNAL.
#include <cerrno>
#include <cstddef>
#include <memory>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {

class splice_pipe {
 public:
  // What a pipe is asked to hold, in kernel memory. The kernel's own 64 KiB take twice as many system calls;
  // 1 MiB is no faster, and is all that one unprivileged pipe may have (pipe(7), /proc/sys/fs).
  static constexpr std::size_t bytes_max = 256 * 1024;
  // Less costs more than copying: a user who has too much in pipes is given 8 KiB.
  static constexpr std::size_t bytes_min = 64 * 1024;

  // nullptr: the kernel has none to give that is worth having.
  [[nodiscard]] static std::unique_ptr<splice_pipe> make();
  splice_pipe(net::unique_fd out, net::unique_fd in) : out_(std::move(out)), in_(std::move(in)) {}

  // From the socket into the pipe, n at most. Precondition: empty().
  [[nodiscard]] io_outcome fill(int from, std::size_t n) noexcept;
  // From the pipe into the socket, as much as it takes.
  [[nodiscard]] io_outcome drain(int to) noexcept;
  // From the pipe into memory. Precondition: into.size() == held().
  void read_back(mutable_byte_span into) noexcept;
  [[nodiscard]] bool empty() const noexcept { return held_ == 0; }
  [[nodiscard]] std::size_t held() const noexcept { return held_; }

 private:
  net::unique_fd out_;
  net::unique_fd in_;
  std::size_t held_ = 0;
};

class pipe_pool {
 public:
  // Kept although nobody uses them. Bulk flows come a few at a time.
  static constexpr std::size_t kept_max = 8;
  // At once; further bulk flows are copied. 8 MiB of kernel memory and 64 descriptors per worker
  // (descriptors_per_worker); an unprivileged user may have 64 MiB in pipes before the kernel makes them
  // small.
  static constexpr std::size_t pipes_max = 32;

  // After the kernel has had none to give, so many are not even asked for: a bulk flow asks again at each
  // burst, and a refusal takes up to four system calls.
  static constexpr int takes_skipped = 64;

  explicit pipe_pool(bool is_wanted) : is_wanted_(is_wanted) {}

  // From now on; those that are in use stay so until they are given back.
  void want(bool is_wanted) noexcept;

  // nullptr: copy. Takes it back by give_back().
  [[nodiscard]] std::unique_ptr<splice_pipe> take();
  void give_back(std::unique_ptr<splice_pipe> pipe) noexcept;
  // From the socket into pipe, one of this pool or, if it is empty, one taken now. Returns how much; 0: copy.
  // Whether an error is the socket's a read will say.
  [[nodiscard]] std::size_t fill(std::unique_ptr<splice_pipe>& pipe, int from, std::size_t n);
  // The kernel does not splice these sockets, or not for us: no more pipes.
  void disable(int error) noexcept;

  [[nodiscard]] bool is_enabled() const noexcept { return is_wanted_ && !is_refused_; }
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }

 private:
  std::vector<std::unique_ptr<splice_pipe>> kept_;
  std::size_t in_use_ = 0;
  int to_skip_ = 0;
  bool is_wanted_;
  bool is_refused_ = false;  // by the kernel
};

// These sockets cannot be spliced, or a sandbox forbids it: nothing to do with the socket's state.
[[nodiscard]] constexpr bool is_refusal_to_splice(int error) noexcept {
  return error == EINVAL || error == ENOSYS || error == EPERM || error == EOPNOTSUPP;
}

// How many of the bytes that wait in the socket are to be spliced now: none if they are too few, else all but
// a tail that the next copying read will see. Cost: SIOCINQ.
[[nodiscard]] std::size_t worth_splicing(int fd, std::size_t buffer_bytes) noexcept;

}  // namespace pgsteer::relay
