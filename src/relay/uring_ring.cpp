#include "relay/uring_ring.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {
namespace {

constexpr std::uint64_t cancellation_bit = 1;
static_assert(alignof(uring_operation) > cancellation_bit);

// Each pass does what the kernel had put off, so two or three are the rule.
constexpr int passes_to_take_back_max = 1000;

// The kernel takes submissions unless it is out of memory for them, which may pass.
constexpr int submit_tries_max = 1000;
constexpr auto submit_pause = milliseconds{5};

std::uint64_t tag_of(const uring_operation& operation) noexcept {
  return reinterpret_cast<std::uintptr_t>(&operation);
}

// With both flags it is tried once, and a short send counts as failed: io_send(), io_uring/net.c.
void prepare_silent_send(io_uring_sqe& entry, int fd, byte_span bytes) noexcept {
  io_uring_prep_send(&entry, fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
  entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
}

bool knows(const io_uring_probe& probe) noexcept {
  for (const int code :
       {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_NOP})
    if (io_uring_opcode_supported(&probe, code) == 0) return false;
  return true;
}

// Whether a send that we ask to be silent about its success tells of a short one; a kernel that did not would
// lose us bytes. Tried on a ring and a socket of its own, once it is known for good.
result<void> check_that_short_sends_are_told() {
  static std::atomic<bool> is_known{false};
  if (is_known) return {};
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return to_error_code(errno);
  const net::unique_fd ours(ends[0]);
  const net::unique_fd theirs(ends[1]);
  io_uring ring{};
  if (const int error = io_uring_queue_init(2, &ring, 0); error != 0) return to_error_code(-error);
  const std::vector<std::uint8_t> more_than_fits(8U << 20U);
  prepare_silent_send(*io_uring_get_sqe(&ring), ours.value(), more_than_fits);
  io_uring_cqe* told = nullptr;
  is_known = io_uring_submit(&ring) == 1 && io_uring_cq_ready(&ring) == 1 &&
             io_uring_peek_cqe(&ring, &told) == 0 && told->res > 0 &&
             static_cast<std::size_t>(told->res) < more_than_fits.size();
  io_uring_queue_exit(&ring);
  if (!is_known) return to_error_code(EOPNOTSUPP);
  return {};
}

}  // namespace

result<std::unique_ptr<uring_ring>> uring_ring::make(std::uint32_t buffer_bytes,
                                                     const uring_extra_fds& extra_fds) {
  std::unique_ptr<uring_ring> made(new uring_ring(extra_fds));
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
  if (const auto checked = check_that_short_sends_are_told(); !checked) return checked.error();
  return buffers_.lend_to(ring_, buffer_bytes);
}

uring_ring::~uring_ring() {
  if (!is_made_) return;
  if (is_enabled_) take_everything_back();
  io_uring_queue_exit(&ring_);
}

void uring_ring::enable() noexcept {
  if (is_enabled_) return;
  // Not io_uring_enable_rings(): the shared liburing 2.3 does not export it. It can only fail for a ring that
  // is enabled already, or for one whose buffers could not have been registered either.
  const int error = io_uring_register(ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  PGSTEER_ASSERT(error == 0);
  is_enabled_ = true;
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

void uring_ring::wait_for(uring_operation& operation, int fd, readiness what) noexcept {
  io_uring_sqe& entry = next_entry();
  io_uring_prep_poll_add(&entry, fd, what == readiness::readable ? POLLIN : POLLOUT);
  launch(operation, entry);
}

void uring_ring::send_now(uring_send& operation, int fd, byte_span bytes, bool are_last) noexcept {
  io_uring_sqe& entry = next_entry();
  prepare_silent_send(entry, fd, bytes);
  if (are_last) entry.msg_flags |= MSG_MORE;
  operation.bytes = static_cast<std::uint32_t>(bytes.size());
  operation.submission = ring_.sq.sqe_tail - 1;
  launch(operation, entry);
  silent_.push_back(&operation);
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

void uring_ring::revoke(uring_send& operation) noexcept {
  if (!operation.is_in_flight) return;
  const std::uint32_t reached = __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE);
  if (static_cast<std::int32_t>(operation.submission - reached) < 0) return;
  io_uring_sqe& entry = ring_.sq.sqes[operation.submission & ring_.sq.ring_mask];
  io_uring_prep_nop(&entry);
  io_uring_sqe_set_data64(&entry, tag_of(operation));
}

void uring_ring::enter(bool may_wait) noexcept {
  if (!watched_.all()) watch_extra_fds();
  // What an error leaves over (EINTR, or EAGAIN for want of memory) is submitted by the next one.
  if (may_wait) {
    (void)io_uring_submit_and_wait(&ring_, 1);
  } else if (has_unsubmitted() || has_kernel_work()) {
    (void)io_uring_submit_and_get_events(&ring_);
  }
}

// Not io_uring_submit(), which also lets the kernel do what it had put off: more would be received in a turn
// than a flow may hold.
bool uring_ring::submit() noexcept {
  if (!has_unsubmitted()) return true;
  ring_.sq.sqe_head = ring_.sq.sqe_tail;
  io_uring_smp_store_release(ring_.sq.ktail, ring_.sq.sqe_tail);
  return io_uring_enter(static_cast<unsigned>(ring_.enter_ring_fd), io_uring_sq_ready(&ring_), 0, 0,
                        nullptr) >= 0;
}

// Each once: what makes it readable is dealt with before it is asked for again.
void uring_ring::watch_extra_fds() noexcept {
  for (std::size_t i = 0; i < uring_extra_fds::count; ++i) {
    if (watched_.test(i)) continue;
    io_uring_sqe& entry = next_entry();
    io_uring_prep_poll_add(&entry, extra_fds_.fds[i], POLLIN);
    io_uring_sqe_set_data64(&entry, first_extra_fd_tag + 2 * i);
    watched_.set(i);
    ++in_flight_;
  }
}

std::size_t uring_ring::note_extra_fd(std::uint64_t tag) noexcept {
  const std::size_t which = (tag - first_extra_fd_tag) / 2;
  watched_.reset(which);
  --in_flight_;
  return which;
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
    if (!submit()) std::this_thread::sleep_for(submit_pause);
    entry = io_uring_get_sqe(&ring_);
  }
  return *entry;
}

void uring_ring::launch(uring_operation& operation, io_uring_sqe& entry) noexcept {
  PGSTEER_ASSERT(!operation.is_in_flight);
  io_uring_sqe_set_data64(&entry, tag_of(operation));
  operation.is_in_flight = true;
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
