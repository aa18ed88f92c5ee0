#include "relay/epoll_engine.hpp"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "relay/socket_io.hpp"

namespace pgsteer::relay {

result<std::unique_ptr<engine>> epoll_engine::make(boost::asio::io_context& context,
                                                   const relay_options& options,
                                                   metrics::relay_counters& counters) {
  net::unique_fd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd.is_open()) return to_error_code(errno);
  boost::asio::posix::stream_descriptor set(context);
  error_code ec;
  set.assign(fd.value(), ec);
  if (ec) return ec;
  (void)fd.release();
  return std::unique_ptr<engine>(std::make_unique<epoll_engine>(std::move(set), options, counters));
}

epoll_engine::epoll_engine(boost::asio::posix::stream_descriptor set, const relay_options& options,
                           metrics::relay_counters& counters)
    : set_(std::move(set)),
      options_(options),
      counters_(counters),
      buffer_(options.buffer_bytes),
      self_(std::make_shared<epoll_engine*>(this)) {
  PGSTEER_ASSERT(options_.buffer_bytes > 0 && options_.reads_per_turn_max > 0);
}

epoll_engine::~epoll_engine() {
  PGSTEER_ASSERT(!is_in_turn_);
  *self_ = nullptr;
  all_.clear_and_dispose([](epoll_flow* live) { delete live; });
}

flow* epoll_engine::start(const flow_start& start) {
  auto made = std::make_unique<epoll_flow>(start);
  epoll_flow& started = *made.release();  // all_ owns it
  all_.push_back(started);
  ++flow_count_;
  for (const side which : {side::client, side::backend}) {
    if (const int error = watch(started.socket(which)); error != 0 && !started.has_ended())
      started.finish(which == side::client ? flow_end::client_failed : flow_end::backend_failed, error);
  }
  if (started.has_ended()) {
    retire(started);
  } else if (!start.to_backend.empty() || !start.to_client.empty()) {
    ready_.push_back(started);
    post_turn();
  } else if (!is_in_turn_) {
    arm();
  }
  return &started;
}

int epoll_engine::watch(flow_socket& socket) noexcept {
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  interest.data.ptr = &socket;
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, socket.fd, &interest) == 0 ? 0 : errno;
}

void epoll_engine::stop(flow& target) {
  auto& stopped = static_cast<epoll_flow&>(target);
  if (stopped.has_ended()) return;
  stopped.finish(flow_end::stopped);
  retire(stopped);
}

// Out of every list but all_ and out of the set; on_end() follows at the end of a turn.
void epoll_engine::retire(epoll_flow& ended) noexcept {
  for (const side which : {side::client, side::backend})
    ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, ended.socket(which).fd, nullptr);
  ended.in_queue.unlink();
  ended.in_half_closed.unlink();
  ended_.push_back(ended);
  if (!is_in_turn_) post_turn();
}

// Asio's one-shot wait re-examines our set when it starts, so events that are left over are not lost.
void epoll_engine::arm() {
  if (is_armed_) return;
  is_armed_ = true;
  set_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [self = self_](const error_code& ec) {
    if (*self == nullptr || ec) return;
    (*self)->is_armed_ = false;
    (*self)->turn();
  });
}

void epoll_engine::post_turn() {
  if (is_posted_) return;
  is_posted_ = true;
  boost::asio::post(set_.get_executor(), [self = self_] {
    if (*self == nullptr) return;
    (*self)->is_posted_ = false;
    (*self)->turn();
  });
}

void epoll_engine::turn() {
  is_in_turn_ = true;
  counters_.turns.add();
  take_events();
  pump_ready();
  deliver_ends();
  is_in_turn_ = false;
  if (!ready_.empty() || !ended_.empty()) {
    post_turn();
  } else {
    arm();
  }
}

// Only marks: no flow is destroyed before every event of the batch has been looked at.
void epoll_engine::take_events() {
  const int n = ::epoll_wait(set_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
  for (int i = 0; i < n; ++i) {
    auto& socket = *static_cast<flow_socket*>(events_[static_cast<std::size_t>(i)].data.ptr);
    socket.owner->on_event(socket, events_[static_cast<std::size_t>(i)].events);
    if (!socket.owner->in_queue.is_linked()) ready_.push_back(*socket.owner);
  }
}

void epoll_engine::pump_ready() {
  turn_resources resources{mutable_byte_span(buffer_), options_.reads_per_turn_max, {}, 0};
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

}  // namespace pgsteer::relay
