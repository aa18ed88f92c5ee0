#pragma once
// uring_ring: one io_uring and what a relay asks of it; names no flow, decides nothing.
//
// Made by any thread, then used by the one that called enable(). Prepared operations reach the kernel with
// the next enter(); what it has to say comes out of drain().
#include <liburing.h>

#include <cstdint>
#include <memory>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"
#include "relay/flow.hpp"
#include "relay/uring_buffers.hpp"

namespace pgsteer::relay {

class uring_flow;

// Something the kernel does for a flow, one of each kind at a time. Its address is what completions carry, so
// it lives until is_in_flight and is_cancelling are both false.
struct uring_operation {
  enum class kind : std::uint8_t { receive, send, watch_hang_up };

  uring_flow* owner = nullptr;
  side source = side::client;  // the socket received from or watched; of a send, where the bytes came from
  kind what = kind::receive;
  bool is_in_flight = false;
  bool is_cancelling = false;    // a cancellation of it is in flight
  std::uint32_t submission = 0;  // position in the submission queue

  [[nodiscard]] bool is_kernels() const noexcept { return is_in_flight || is_cancelling; }
};

struct uring_completion {
  uring_operation* operation = nullptr;
  bool is_of_cancellation = false;
  std::int32_t result = 0;  // what the system call would have returned, or a negative errno
  std::uint32_t flags = 0;

  // The operation goes on (multishot).
  [[nodiscard]] bool has_more() const noexcept { return (flags & IORING_CQE_F_MORE) != 0; }
  [[nodiscard]] bool has_buffer() const noexcept { return (flags & IORING_CQE_F_BUFFER) != 0; }
  [[nodiscard]] buffer_id buffer() const noexcept {
    return static_cast<buffer_id>(flags >> IORING_CQE_BUFFER_SHIFT);
  }
};

class uring_ring {
 public:
  // Operations prepared between two enter()s; more are submitted on the way. 64 KiB.
  static constexpr unsigned submissions_max = 1024;
  // Every buffer received, every send, and hang-ups; an overflow only ends multishot operations. 64 KiB.
  static constexpr unsigned completions_max = 4096;

  // Errors: what the kernel says to a ring, buffers or operations like ours (EPERM, ENOSYS, EINVAL, ...).
  [[nodiscard]] static result<std::unique_ptr<uring_ring>> make(std::uint32_t buffer_bytes);
  // By the thread that made enable(), or after that has ended: the kernel writes to our memory in its
  // context.
  ~uring_ring();
  uring_ring(const uring_ring&) = delete;
  uring_ring& operator=(const uring_ring&) = delete;

  // event_fd becomes readable when there is work for enter(), unless quiet() says that someone looks anyway.
  // (The ring's own descriptor does not become readable for work put off until enter().) Once, before
  // enable(). Returns an errno or 0.
  [[nodiscard]] int signal_to(int event_fd) noexcept;
  // After quiet(false) ask has_kernel_work() once: what came before is not signalled.
  void quiet(bool is_quiet) noexcept;

  // The calling thread is the ring's from now on. Returns an errno or 0.
  [[nodiscard]] int enable() noexcept;

  // Preconditions: enabled; !operation.is_kernels(). Received bytes come in buffers() until a completion
  // without has_more().
  void receive_many(uring_operation& operation, int fd) noexcept;
  // What is there now: EAGAIN if nothing is; done with the next enter().
  void receive_now(uring_operation& operation, int fd, mutable_byte_span into) noexcept;
  // Completes when there is something to receive, be it the end or an error.
  void wait_readable(uring_operation& operation, int fd) noexcept;
  // bytes must last until the completion. EAGAIN if the socket takes nothing now; done with the next enter().
  void send_now(uring_operation& operation, int fd, byte_span bytes) noexcept;
  // Waits until the socket takes some.
  void send_when_writable(uring_operation& operation, int fd, byte_span bytes) noexcept;
  // Completions carry the poll(2) events, one for each change that has an end or an error in it.
  void watch_hang_up(uring_operation& operation, int fd) noexcept;
  // The operation completes all the same, mostly with ECANCELED. If it is not found, the cancellation
  // completes and the operation stays in flight: ask again.
  void cancel(uring_operation& operation) noexcept;
  // Takes back an operation that has not reached the kernel yet: it will complete with 0 without an effect.
  void revoke(uring_operation& operation) noexcept;

  // Submits and lets the kernel do what it had put off for this thread; does not block.
  void enter() noexcept;
  // handle(const uring_completion&) for each completion there is. It must prepare nothing. (Not
  // io_uring_peek_cqe(), which enters the kernel for more.)
  template <class Handler>
  void drain(Handler handle) {
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(&ring_, head, entry) {
      ++taken;
      const uring_completion done = read(*entry);
      if (done.operation == nullptr) continue;
      settle(done);
      handle(done);
    }
    io_uring_cq_advance(&ring_, taken);
  }

  [[nodiscard]] bool has_unsubmitted() const noexcept { return io_uring_sq_ready(&ring_) != 0; }
  // Counts what was prepared, modulo 2^32.
  [[nodiscard]] std::uint32_t prepared() const noexcept { return ring_.sq.sqe_tail; }
  // The kernel has put off work that the next enter() will do.
  [[nodiscard]] bool has_kernel_work() const noexcept;
  [[nodiscard]] uring_buffers& buffers() noexcept { return buffers_; }

 private:
  uring_ring() = default;
  [[nodiscard]] result<void> set_up(std::uint32_t buffer_bytes);
  [[nodiscard]] io_uring_sqe& next_entry() noexcept;
  void launch(uring_operation& operation, io_uring_sqe& entry) noexcept;
  [[nodiscard]] static uring_completion read(const io_uring_cqe& entry) noexcept;
  void settle(const uring_completion& done) noexcept;
  void take_everything_back() noexcept;

  uring_buffers buffers_;
  io_uring ring_{};
  bool is_made_ = false;
  bool is_enabled_ = false;
  std::size_t in_flight_ = 0;  // operations and cancellations
};

}  // namespace pgsteer::relay
