#include "relay/epoll_engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {
namespace {

// In an event's data: the address is a socket_wait's, not a flow_socket's.
constexpr std::uint64_t wait_bit = 1;
static_assert(alignof(socket_wait) > wait_bit && alignof(flow_socket) > wait_bit);

}  // namespace

result<std::unique_ptr<engine>> epoll_engine::make(int guest_fd, const relay_options& options,
                                                   metrics::relay_counters& counters) {
  net::unique_fd set(::epoll_create1(EPOLL_CLOEXEC));
  if (!set.is_open()) return to_error_code(errno);
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.ptr = nullptr;  // no socket of a flow
  if (::epoll_ctl(set.value(), EPOLL_CTL_ADD, guest_fd, &interest) != 0) return to_error_code(errno);
  return std::unique_ptr<engine>(std::make_unique<epoll_engine>(std::move(set), options, counters));
}

epoll_engine::epoll_engine(net::unique_fd set, const relay_options& options,
                           metrics::relay_counters& counters)
    : set_(std::move(set)),
      options_(options),
      counters_(counters),
      buffer_(options.buffer_bytes),
      pipes_(options.splice == toggle::on) {
  PGSTEER_ASSERT(options_.buffer_bytes > 0 && options_.reads_per_turn_max > 0);
}

epoll_engine::~epoll_engine() {
  PGSTEER_ASSERT(!is_in_turn_);
  waiting_.clear();
  all_.clear_and_dispose([](epoll_flow* live) { delete live; });
}

flow* epoll_engine::start(const flow_start& start) {
  auto made = std::make_unique<epoll_flow>(start);
  epoll_flow& started = *made.release();  // all_ owns it
  all_.push_back(started);
  ++flow_count_;
  for (const side which : {side::client, side::backend}) {
    socket_wait* const before = which == side::client ? start.client_wait : start.backend_wait;
    if (const int error = watch(started.socket(which), before); error != 0 && !started.has_ended())
      started.finish(which == side::client ? flow_end::client_failed : flow_end::backend_failed, error);
  }
  if (started.has_ended()) {
    retire(started);
  } else if (!start.to_backend.empty() || !start.to_client.empty()) {
    ready_.push_back(started);
  }
  return &started;
}

int epoll_engine::watch(flow_socket& socket, socket_wait* before) noexcept {
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  interest.data.ptr = &socket;
  const bool is_in_set = before != nullptr && std::exchange(before->is_in_set_, false);
  const int what = is_in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  return ::epoll_ctl(set_.value(), what, socket.fd, &interest) == 0 ? 0 : errno;
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

void epoll_engine::stop(flow& target) {
  auto& stopped = static_cast<epoll_flow&>(target);
  if (stopped.has_ended()) return;
  stopped.finish(flow_end::stopped);
  retire(stopped);
}

// Out of every list but all_; on_end() follows at the end of a turn. Closing the sockets takes them out of
// the set.
void epoll_engine::retire(epoll_flow& ended) noexcept {
  ended.in_queue.unlink();
  ended.in_half_closed.unlink();
  ended.release(pipes_);
  ended_.push_back(ended);
}

turn_report epoll_engine::turn(bool may_wait) {
  is_in_turn_ = true;
  turn_report report;
  report.is_idle = !has_work();
  take_events(may_wait && report.is_idle, report);
  if (!report.is_idle) {
    counters_.turns.add();
    pump_ready(report);
    if (!ended_.empty()) report.has_told_owner = true;
    deliver_ends();
  }
  is_in_turn_ = false;
  return report;
}

// Only marks: no flow is destroyed before every event of the batch has been looked at.
void epoll_engine::take_events(bool may_wait, turn_report& report) {
  const int n =
      ::epoll_wait(set_.value(), events_.data(), static_cast<int>(events_.size()), may_wait ? -1 : 0);
  if (n > 0) report.is_idle = false;
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      report.is_guest_ready = true;
      continue;
    }
    if ((event.data.u64 & wait_bit) != 0) {
      auto& who = *reinterpret_cast<socket_wait*>(event.data.u64 & ~wait_bit);
      who.unlink();
      report.has_told_owner = true;
      who.on_ready();
      continue;
    }
    auto& socket = *static_cast<flow_socket*>(event.data.ptr);
    socket.owner->on_event(socket, event.events);
    if (!socket.owner->in_queue.is_linked()) ready_.push_back(*socket.owner);
  }
}

void epoll_engine::pump_ready(turn_report& report) {
  turn_resources resources{mutable_byte_span(buffer_), pipes_, options_.reads_per_turn_max};
  flow_list<&epoll_flow::in_queue> batch;
  batch.swap(ready_);
  while (!batch.empty()) {
    epoll_flow& next = batch.front();
    batch.pop_front();
    switch (next.pump(resources)) {
      case epoll_flow::outcome::waits:
        break;
      case epoll_flow::outcome::wants_another_turn:
        ready_.push_back(next);
        break;
      case epoll_flow::outcome::ended:
        retire(next);  // again, if the watcher has called stop()
        continue;
    }
    half_closed_.note(next);
  }
  for (std::size_t i = 0; i < resources.bytes.size(); ++i)
    if (resources.bytes[i] != 0) counters_.bytes[i].add(resources.bytes[i]);
  if (resources.stalls != 0) counters_.stalls.add(resources.stalls);
  if (resources.spliced_bytes != 0) counters_.spliced_bytes.add(resources.spliced_bytes);
  report.has_told_owner |= resources.has_told_owner;
}

// Flows that on_end() ends in its turn wait for the next one.
void epoll_engine::deliver_ends() {
  flow_list<&epoll_flow::in_queue> batch;
  batch.swap(ended_);
  while (!batch.empty()) {
    epoll_flow& ended = batch.front();
    batch.pop_front();
    ended.owner().on_end(ended.summary());
    --flow_count_;
    delete &ended;
  }
}

void epoll_engine::tick(time_point now) {
  half_closed_.expire(now, options_.half_close_timeout, [this](epoll_flow& oldest) {
    oldest.finish(flow_end::half_closed_too_long);
    retire(oldest);
  });
  guard_stalls();
}

void epoll_engine::guard_stalls() {
  for (std::size_t left = (flow_count_ + ticks_per_guard_round - 1) / ticks_per_guard_round;
       left > 0 && !all_.empty(); --left) {
    epoll_flow& next = all_.front();
    all_.pop_front();
    all_.push_back(next);
    if (next.has_ended()) continue;
    for (const side which : {side::client, side::backend})
      next.socket(which).guard.look_at(next.socket(which).fd);
  }
}

std::size_t epoll_engine::stuck_bytes_held() const noexcept {
  std::size_t held = 0;
  for (const epoll_flow& live : all_)
    held += live.stuck_capacity(side::client) + live.stuck_capacity(side::backend);
  return held;
}

std::size_t epoll_engine::stalled_flows() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(all_, &epoll_flow::is_stalled));
}

}  // namespace pgsteer::relay
