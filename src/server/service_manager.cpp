#include "server/service_manager.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {
namespace {

constexpr std::string_view status_key = "STATUS=";

std::string microseconds_of(duration value) {
  return std::to_string(std::chrono::duration_cast<microseconds>(value).count());
}

// The manager reads nothing now; all else is no better the next time.
bool is_passing(int error) noexcept {
  return error == EAGAIN || error == ENOBUFS || error == EINTR;
}

}  // namespace

std::string words_of(const service_status& status) {
  const std::string sessions =
      std::to_string(status.sessions) + (status.sessions == 1 ? " session" : " sessions");
  if (status.is_draining) return "draining, " + sessions + " left";
  if (status.primary.empty()) return "no primary, " + sessions;
  return "primary " + status.primary + (status.takes_new_logins ? ", " : ", which takes no new logins, ") +
         sessions;
}

std::string main_pid(pid_t process) {
  return "MAINPID=" + std::to_string(process);
}

service_manager::service_manager(const char* socket) {
  const std::string_view name = socket == nullptr ? "" : socket;
  if (name.empty()) return;
  const bool is_abstract = name.front() == '@';
  // A path has a zero behind it; an abstract name has one in place of the @.
  if ((!is_abstract && name.front() != '/') || name.size() >= sizeof address_.sun_path) {
    log(log_level::warning, "NOTIFY_SOCKET is no path and no abstract name: nobody is told of this process",
        {{"value", name}});
    return;
  }
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, name.data(), name.size());
  if (is_abstract) address_.sun_path[0] = '\0';
  address_bytes_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void service_manager::ready() {
  tell("READY=1");
}

void service_manager::reloading(time_point now) {
  if (is_stopping_) return;
  ++reloads_;
  // The clock is CLOCK_MONOTONIC, which the manager tells this reload from an earlier one by.
  tell("RELOADING=1\nMONOTONIC_USEC=" + microseconds_of(now.time_since_epoch()));
}

void service_manager::reloaded() {
  if (is_stopping_ || --reloads_ > 0) return;
  ready();
}

void service_manager::stopping(duration allowed) {
  if (std::exchange(is_stopping_, true)) return;
  // Otherwise TimeoutStopSec= would have to follow drain_grace and drain_timeout.
  tell("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + microseconds_of(allowed + stop_margin));
}

void service_manager::show(const service_status& status, time_point now) {
  service_status as_counted = status;
  if (shown_ && now - shown_at_ < count_interval) as_counted.sessions = shown_->sessions;
  if (shown_ == as_counted) return deliver();
  shown_ = status;
  shown_at_ = now;
  std::string words = words_of(status);
  // A name of somebody else's must not make another message.
  std::ranges::replace(words, '\n', ' ');
  // Of those that wait only the last one matters.
  if (!waiting_.empty() && waiting_.back().starts_with(status_key)) waiting_.pop_back();
  tell(std::string(status_key) + words);
}

void service_manager::tell(std::string message) {
  if (!socket_.is_open()) return;
  if (waiting_.size() < waiting_max) waiting_.push_back(std::move(message));
  deliver();
}

void service_manager::deliver() {
  while (!waiting_.empty()) {
    const std::string& next = waiting_.front();
    const auto sent = ::sendto(socket_.value(), next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                               reinterpret_cast<const sockaddr*>(&address_), address_bytes_);
    if (sent < 0 && is_passing(errno)) return;
    waiting_.pop_front();
  }
}

}  // namespace pgsteer::server
