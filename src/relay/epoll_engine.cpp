#include "relay/epoll_engine.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {
namespace {

// In an event's data: the address is a socket_wait's, not that of a flow's edges.
constexpr std::uint64_t wait_bit = 1;
static_assert(alignof(socket_wait) > wait_bit && alignof(epoll_edges) > wait_bit);

}  // namespace

result<std::unique_ptr<engine>> epoll_engine::make(int extra_fd, const relay_options& options,
                                                   metrics::relay_counters& counters) {
  net::unique_fd set(::epoll_create1(EPOLL_CLOEXEC));
  if (!set.is_open()) return to_error_code(errno);
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.ptr = nullptr;  // no socket of a flow
  if (::epoll_ctl(set.value(), EPOLL_CTL_ADD, extra_fd, &interest) != 0) return to_error_code(errno);
  return std::unique_ptr<engine>(std::make_unique<epoll_engine>(std::move(set), options, counters));
}

epoll_engine::epoll_engine(net::unique_fd set, const relay_options& options,
                           metrics::relay_counters& counters)
    : flow_engine(options, counters), set_(std::move(set)), buffer_(options.buffer_bytes) {}

epoll_engine::~epoll_engine() {
  PGSTEER_ASSERT(!is_in_turn_);
}

flow* epoll_engine::start(const flow_start& start) {
  auto made = std::make_unique<epoll_flow>(start);
  epoll_flow& started = *made.release();  // flow_engine owns it
  adopt(started);
  for (const side which : {side::client, side::backend}) {
    socket_wait* const before = which == side::client ? start.client_wait : start.backend_wait;
    if (const int error = watch(started.fd(which), started.edges(which), before); error != 0)
      started.fail(which, error);
  }
  const bool has_bytes = !start.to_backend.empty() || !start.to_client.empty();
  if (started.has_ended() || has_bytes || start.past != nullptr) make_ready(started);
  return &started;
}

int epoll_engine::watch(int fd, epoll_edges& told, socket_wait* before) noexcept {
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  interest.data.ptr = &told;
  const bool is_in_set = before != nullptr && std::exchange(before->is_in_set_, false);
  const int what = is_in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  return ::epoll_ctl(set_.value(), what, fd, &interest) == 0 ? 0 : errno;
}

// One shot: what it waits for is level-triggered, and is told of once.
result<void> epoll_engine::wait(socket_wait& who, int fd, readiness what) {
  PGSTEER_ASSERT(!who.is_waiting());
  epoll_event interest{};
  interest.events = (what == readiness::readable ? EPOLLIN : EPOLLOUT) | EPOLLONESHOT;
  interest.data.u64 = reinterpret_cast<std::uintptr_t>(&who) | wait_bit;
  if (::epoll_ctl(set_.value(), who.is_in_set_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &interest) != 0)
    return to_error_code(errno);
  who.fd_ = fd;
  who.is_in_set_ = true;
  waiting_.push_back(who);
  return {};
}

void epoll_engine::forget(socket_wait& who) {
  PGSTEER_ASSERT(!is_in_turn_);
  if (!who.is_waiting()) return;
  ::epoll_ctl(set_.value(), EPOLL_CTL_DEL, who.fd_, nullptr);
  who.is_in_set_ = false;
  who.unlink();
}

void epoll_engine::retune(const relay_options& options) {
  flow_engine::retune(options);
  if (buffer_.size() != options.buffer_bytes) buffer_ = std::vector<std::uint8_t>(options.buffer_bytes);
}

turn_report epoll_engine::turn(bool may_wait) {
  is_in_turn_ = true;
  epoll_turn turn{{pipes_}, mutable_byte_span(buffer_), options_.reads_per_turn_max};
  turn.report.is_idle = !has_work();
  take_events(may_wait && turn.report.is_idle, turn.report);
  if (!turn.report.is_idle) {
    counters_.turns.add();
    pump_ready(turn);
    finish_turn(turn);
  }
  is_in_turn_ = false;
  return turn.report;
}

// Only marks: no flow is destroyed before every event of the batch has been looked at.
void epoll_engine::take_events(bool may_wait, turn_report& report) {
  const int n =
      ::epoll_wait(set_.value(), events_.data(), static_cast<int>(events_.size()), may_wait ? -1 : 0);
  if (n > 0) report.is_idle = false;
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      report.is_extra_fd_ready = true;
      continue;
    }
    if ((event.data.u64 & wait_bit) != 0) {
      auto& who = *reinterpret_cast<socket_wait*>(event.data.u64 & ~wait_bit);
      who.unlink();
      report.has_told_owner = true;
      who.on_ready();
      continue;
    }
    auto& told = *static_cast<epoll_edges*>(event.data.ptr);
    epoll_flow::on_event(told, event.events);
    if (!told.owner->in_queue.is_linked()) ready_.push_back(*told.owner);
  }
}

void epoll_engine::pump_ready(epoll_turn& turn) {
  flow_queue batch;
  batch.swap(ready_);
  while (!batch.empty()) {
    auto& next = static_cast<epoll_flow&>(batch.front());
    batch.pop_front();
    pump(next, turn);
  }
}

void epoll_engine::pump(epoll_flow& next, epoll_turn& turn) {
  if (next.is_to_detach()) {
    for (const side which : {side::client, side::backend})
      ::epoll_ctl(set_.value(), EPOLL_CTL_DEL, next.fd(which), nullptr);
    next.detach(turn);
  }
  if (next.has_ended()) return retire(next);
  switch (next.pump(turn)) {
    case epoll_flow::outcome::waits:
      break;
    case epoll_flow::outcome::wants_another_turn:
      make_ready(next);
      break;
    case epoll_flow::outcome::ended:
      return retire(next);
  }
  half_closed_.note(next);
}

// on_end() follows at the end of the turn. Closing the sockets takes them out of the set; the client's may
// stay open.
void epoll_engine::retire(epoll_flow& ended) noexcept {
  if (ended.is_ended_here()) ::epoll_ctl(set_.value(), EPOLL_CTL_DEL, ended.fd(side::client), nullptr);
  dequeue(ended);  // also if the watcher has called stop()
  ended.release(pipes_);
  ended_.push_back(ended);
}

}  // namespace pgsteer::relay
