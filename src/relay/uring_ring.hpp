#pragma once
// uring_ring: one io_uring and what a relay asks of it; names no flow, decides nothing.
//
// Made by any thread, then used by the one that called enable(). Prepared operations reach the kernel with
// the next enter(); what it has to say comes out of drain().
#include <liburing.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/relay/socket_wait.hpp"
#include "relay/side.hpp"
#include "relay/uring_buffers.hpp"

namespace pgsteer::relay {

class uring_flow;

// Something the kernel does for a flow, one of each kind at a time, or for a wait before there is one. Its
// address is what completions carry, so it lives until is_pending() is false.
struct uring_operation {
  enum class kind : std::uint8_t { receive, send, watch_hang_up, wait };

  uring_flow* owner = nullptr;  // of a wait: none
  side source = side::client;   // the socket received from or watched; of a send, where the bytes came from
  kind what = kind::receive;
  bool is_in_flight = false;
  bool is_cancelling = false;  // a cancellation of it is in flight

  // The kernel still has it, or a cancellation of it.
  [[nodiscard]] bool is_pending() const noexcept { return is_in_flight || is_cancelling; }
};

struct uring_send : uring_operation {
  std::uint32_t submission = 0;  // position in the submission queue
  std::uint32_t bytes = 0;
};

// What a ring waits for besides completions of operations; level-triggered, owned by others.
struct uring_extra_fds {
  static constexpr std::size_t count = 2;
  std::array<int, count> fds;
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
  // Every buffer received, sends that went wrong, and hang-ups; what does not fit stays in the kernel until
  // there is room. 64 KiB.
  static constexpr unsigned completions_max = 4096;

  // Errors: what the kernel says to a ring, buffers or operations like ours (EPERM, ENOSYS, EINVAL, ...).
  [[nodiscard]] static result<std::unique_ptr<uring_ring>> make(std::uint32_t buffer_bytes,
                                                                const uring_extra_fds& extra_fds);
  // By the thread that made enable(), or after that has ended: the kernel writes to our memory in its
  // context.
  ~uring_ring();
  uring_ring(const uring_ring&) = delete;
  uring_ring& operator=(const uring_ring&) = delete;

  // The calling thread is the ring's from now on; later calls change nothing.
  void enable() noexcept;

  // Preconditions: enabled; !operation.is_pending(). Received bytes come in buffers() until a completion
  // without has_more().
  void receive_many(uring_operation& operation, int fd) noexcept;
  // What is there now: EAGAIN if nothing is; done with the next enter().
  void receive_now(uring_operation& operation, int fd, mutable_byte_span into) noexcept;
  // Completes when there is something to receive, be it the end or an error.
  // Or when it takes bytes again; also at the peer's end (room_watch.hpp).
  void wait_for(uring_operation& operation, int fd, readiness what) noexcept;
  // bytes must last until the completion. Less than all of them if the socket takes no more now, EAGAIN if
  // it takes nothing; done with the next enter(). are_last: a FIN follows at once, and the kernel sends both
  // in one segment (MSG_MORE, send(2)).
  void send_now(uring_send& operation, int fd, byte_span bytes, bool are_last) noexcept;
  // Completions carry the poll(2) events, one for each change that has an end or an error in it.
  void watch_hang_up(uring_operation& operation, int fd) noexcept;
  // The operation completes all the same, mostly with ECANCELED. If it is not found, the cancellation
  // completes and the operation stays in flight: ask again.
  void cancel(uring_operation& operation) noexcept;
  // Takes back a send that has not reached the kernel yet: it will complete with 0 without an effect.
  void revoke(uring_send& operation) noexcept;

  // Submits, lets the kernel do what it had put off for this thread, and waits for a completion or for an
  // extra descriptor if it may and there is none. A send that goes well ends no wait.
  void enter(bool may_wait) noexcept;
  // Only submits: what was prepared, a send above all, is not to wait for a long system call of ours.
  // False: the kernel takes nothing for now.
  bool submit() noexcept;
  // handle(const uring_completion&) for each completion there is. It must prepare nothing. Returns which
  // extra descriptors are readable. (Not io_uring_peek_cqe(), which enters the kernel for more.)
  template <class Handler>
  std::bitset<uring_extra_fds::count> drain(Handler handle) {
    std::bitset<uring_extra_fds::count> ready;
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(&ring_, head, entry) {
      ++taken;
      if (is_of_extra_fd(entry->user_data)) {
        ready.set(note_extra_fd(entry->user_data));
        continue;
      }
      const uring_completion done = read(*entry);
      if (done.operation == nullptr) continue;
      settle(done);
      handle(done);
    }
    io_uring_cq_advance(&ring_, taken);
    settle_silent(handle);
    return ready;
  }

  // The kernel has completions for us, or has put off work that the next enter() will do.
  [[nodiscard]] bool has_kernel_work() const noexcept;
  [[nodiscard]] bool has_unsubmitted() const noexcept { return io_uring_sq_ready(&ring_) != 0; }
  // Counts what was prepared, modulo 2^32.
  [[nodiscard]] std::uint32_t prepared() const noexcept { return ring_.sq.sqe_tail; }
  [[nodiscard]] uring_buffers& buffers() noexcept { return buffers_; }

 private:
  // Of the first extra descriptor, the next one's is 2 more: no operation has such an address, and the bit of
  // a cancellation is not in it.
  static constexpr std::uint64_t first_extra_fd_tag = 2;
  // Of sends that were executed only those that went wrong have a completion. While some completions are
  // still the kernel's, for want of room in the queue, nothing is known of the others.
  template <class Handler>
  void settle_silent(Handler handle) {
    if (silent_.empty()) return;
    if (has_unsubmitted() || io_uring_cq_has_overflow(&ring_)) {
      std::erase_if(silent_, [](const uring_send* sent) { return !sent->is_in_flight; });
      return;
    }
    for (uring_send* sent : silent_) {
      if (!sent->is_in_flight) continue;
      const uring_completion done{.operation = sent, .result = static_cast<std::int32_t>(sent->bytes)};
      settle(done);
      handle(done);
    }
    silent_.clear();
  }
  [[nodiscard]] static constexpr bool is_of_extra_fd(std::uint64_t tag) noexcept {
    return tag >= first_extra_fd_tag && tag < first_extra_fd_tag + 2 * uring_extra_fds::count;
  }

  explicit uring_ring(const uring_extra_fds& extra_fds) : extra_fds_(extra_fds) {}
  [[nodiscard]] result<void> set_up(std::uint32_t buffer_bytes);
  void watch_extra_fds() noexcept;
  [[nodiscard]] std::size_t note_extra_fd(std::uint64_t tag) noexcept;
  [[nodiscard]] io_uring_sqe& next_entry() noexcept;
  void launch(uring_operation& operation, io_uring_sqe& entry) noexcept;
  [[nodiscard]] static uring_completion read(const io_uring_cqe& entry) noexcept;
  void settle(const uring_completion& done) noexcept;
  void take_everything_back() noexcept;

  uring_buffers buffers_;
  io_uring ring_{};
  const uring_extra_fds extra_fds_;
  std::bitset<uring_extra_fds::count> watched_;
  bool is_made_ = false;
  bool is_enabled_ = false;
  std::vector<uring_send*> silent_;  // sends that say nothing if they go well, since the last drain()
  std::size_t in_flight_ = 0;        // operations and cancellations
};

}  // namespace pgsteer::relay
