#pragma once
// The system calls of a relay on a non-blocking socket: EINTR repeated, SIGPIPE never raised, no exceptions.
//
// Free functions without state; any thread.
#include <cstddef>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::relay {

struct io_outcome {
  std::size_t n = 0;
  int error = 0;  // an errno; EAGAIN also stands for EWOULDBLOCK

  [[nodiscard]] bool would_block() const noexcept;
  [[nodiscard]] bool has_failed() const noexcept { return error != 0 && !would_block(); }
};

// n == 0 without an error is the end of the stream. Precondition: into is not empty.
[[nodiscard]] io_outcome read_some(int fd, mutable_byte_span into) noexcept;
[[nodiscard]] io_outcome write_some(int fd, byte_span bytes) noexcept;
// A FIN follows at once: the kernel waits for it, and sends both in one segment (MSG_MORE, send(2)).
[[nodiscard]] io_outcome write_some_before_end(int fd, byte_span bytes) noexcept;

// Sends a FIN. Returns an errno or 0.
[[nodiscard]] int shut_down_writing(int fd) noexcept;

// Of a socket that has failed: takes SO_ERROR off it. Returns an errno; ECONNRESET if there is none, as after
// a reset behind both FINs.
[[nodiscard]] int reason_of_failure(int fd) noexcept;

[[nodiscard]] error_code to_error_code(int error) noexcept;

}  // namespace pgsteer::relay
