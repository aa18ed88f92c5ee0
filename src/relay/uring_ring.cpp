#include "relay/uring_ring.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>

#include "pgsteer/base/assert.hpp"
#include "relay/socket_io.hpp"

namespace pgsteer::relay {
namespace {

constexpr std::uint64_t cancellation_bit = 1;
static_assert(alignof(uring_operation) > cancellation_bit);

// Each pass does what the kernel had put off, so two or three are the rule.
constexpr int passes_to_take_back_max = 1000;

// The kernel takes submissions unless it is out of memory for them.
constexpr int submit_tries_max = 1000;

std::uint64_t tag_of(const uring_operation& operation) noexcept {
  return reinterpret_cast<std::uintptr_t>(&operation);
}

bool knows(const io_uring_probe& probe) noexcept {
  for (const int code :
       {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_NOP})
    if (io_uring_opcode_supported(&probe, code) == 0) return false;
  return true;
}

}  // namespace

result<std::unique_ptr<uring_ring>> uring_ring::make(std::uint32_t buffer_bytes) {
  std::unique_ptr<uring_ring> made(new uring_ring);
  if (const result<void> set_up = made->set_up(buffer_bytes); !set_up) return set_up.error();
  return made;
}

// DEFER_TASKRUN came with 6.1, after multishot receives and provided-buffer rings, so it stands for them too.
result<void> uring_ring::set_up(std::uint32_t buffer_bytes) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
  params.cq_entries = completions_max;
  if (const int error = io_uring_queue_init_params(submissions_max, &ring_, &params); error != 0)
    return to_error_code(-error);
  is_made_ = true;
  if ((params.features & IORING_FEAT_NODROP) == 0) return to_error_code(EOPNOTSUPP);
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
  const bool knows_all = probe != nullptr && knows(*probe);
  io_uring_free_probe(probe);
  if (!knows_all) return to_error_code(EOPNOTSUPP);
  return buffers_.lend_to(ring_, buffer_bytes);
}

uring_ring::~uring_ring() {
  if (!is_made_) return;
  if (is_enabled_) take_everything_back();
  io_uring_queue_exit(&ring_);
}

int uring_ring::signal_to(int event_fd) noexcept {
  return -io_uring_register_eventfd(&ring_, event_fd);
}

void uring_ring::quiet(bool is_quiet) noexcept {
  (void)io_uring_cq_eventfd_toggle(&ring_, !is_quiet);
  // The kernel notes its work and then looks whether to signal it; we do it the other way round.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

int uring_ring::enable() noexcept {
  if (is_enabled_) return 0;
  // Not io_uring_enable_rings(): the shared liburing 2.3 does not export it.
  const int error = io_uring_register(ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  is_enabled_ = error == 0;
  return -error;
}

void uring_ring::receive_many(uring_operation& operation, int fd) noexcept {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_recv_multishot(&entry, fd, nullptr, 0, 0);
  // The first attempt would mostly be in vain, and would let one receive take 33 buffers more in one go.
  entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = uring_buffers::group;
  launch(operation, entry);
}

void uring_ring::receive_now(uring_operation& operation, int fd, mutable_byte_span into) noexcept {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_recv(&entry, fd, into.data(), into.size(), MSG_DONTWAIT);
  launch(operation, entry);
}

void uring_ring::wait_readable(uring_operation& operation, int fd) noexcept {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_poll_add(&entry, fd, POLLIN);
  launch(operation, entry);
}

void uring_ring::send_now(uring_operation& operation, int fd, byte_span bytes) noexcept {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_send(&entry, fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  launch(operation, entry);
}

void uring_ring::send_when_writable(uring_operation& operation, int fd, byte_span bytes) noexcept {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_send(&entry, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  launch(operation, entry);
}

void uring_ring::watch_hang_up(uring_operation& operation, int fd) noexcept {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_poll_multishot(&entry, fd, POLLRDHUP);  // POLLERR and POLLHUP are always reported
  launch(operation, entry);
}

void uring_ring::cancel(uring_operation& operation) noexcept {
  PGSTEER_ASSERT(operation.is_in_flight && !operation.is_cancelling);
  io_uring_sqe& entry = next_entry();
  io_uring_prep_cancel64(&entry, tag_of(operation), 0);
  io_uring_sqe_set_data64(&entry, tag_of(operation) | cancellation_bit);
  operation.is_cancelling = true;
  ++in_flight_;
}

void uring_ring::revoke(uring_operation& operation) noexcept {
  if (!operation.is_in_flight) return;
  const std::uint32_t reached = __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE);
  if (static_cast<std::int32_t>(operation.submission - reached) < 0) return;
  io_uring_sqe& entry = ring_.sq.sqes[operation.submission & ring_.sq.ring_mask];
  io_uring_prep_nop(&entry);
  io_uring_sqe_set_data64(&entry, tag_of(operation));
}

void uring_ring::enter() noexcept {
  // What an error leaves over (EINTR, or EAGAIN for want of memory) is submitted by the next one.
  (void)io_uring_submit_and_get_events(&ring_);
}

bool uring_ring::has_kernel_work() const noexcept {
  constexpr unsigned work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
  return io_uring_cq_ready(&ring_) != 0 || (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & work) != 0;
}

io_uring_sqe& uring_ring::next_entry() noexcept {
  PGSTEER_ASSERT(is_enabled_);
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  for (int tries = 0; entry == nullptr; ++tries) {
    PGSTEER_ASSERT(tries < submit_tries_max);
    (void)io_uring_submit(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  return *entry;
}

void uring_ring::launch(uring_operation& operation, io_uring_sqe& entry) noexcept {
  PGSTEER_ASSERT(!operation.is_in_flight);
  io_uring_sqe_set_data64(&entry, tag_of(operation));
  operation.is_in_flight = true;
  operation.submission = ring_.sq.sqe_tail - 1;
  ++in_flight_;
}

uring_completion uring_ring::read(const io_uring_cqe& entry) noexcept {
  uring_completion done;
  done.operation = reinterpret_cast<uring_operation*>(entry.user_data & ~cancellation_bit);
  done.is_of_cancellation = (entry.user_data & cancellation_bit) != 0;
  done.result = entry.res;
  done.flags = entry.flags;
  return done;
}

void uring_ring::settle(const uring_completion& done) noexcept {
  if (done.has_buffer())
    buffers_.take(done.buffer(), done.result > 0 ? static_cast<std::uint32_t>(done.result) : 0);
  if (done.is_of_cancellation) {
    done.operation->is_cancelling = false;
  } else if (!done.has_more()) {
    done.operation->is_in_flight = false;
  } else {
    return;
  }
  --in_flight_;
}

// The memory of operations and of what they send must outlast this: the owner frees its flows afterwards.
void uring_ring::take_everything_back() noexcept {
  for (int pass = 0; in_flight_ > 0 && pass < passes_to_take_back_max; ++pass) {
    io_uring_sqe& entry = next_entry();
    io_uring_prep_cancel64(&entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(&entry, 0);
    if (io_uring_submit_and_get_events(&ring_) == -EEXIST) return;  // the ring's thread has ended
    drain([](const uring_completion&) {});
  }
}

}  // namespace pgsteer::relay
