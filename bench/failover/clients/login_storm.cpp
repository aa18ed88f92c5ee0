#include "clients/login_storm.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "clients/record.hpp"
#include "clients/sockets.hpp"

namespace pgsteer::bench {
namespace {

// How late a stop or a login that hangs is seen, at most.
constexpr double tick_seconds = 0.05;

void print_login(const conversation& talk, std::uint64_t value, double began, double logged_in) {
  json_line()
      .add("began", began)
      .add("logged_in", logged_in)
      .add("finished", now_seconds())
      .add_count("value", value)
      .add("address", talk.answer())
      .add("phase", to_string(talk.where()))
      .add("sqlstate", talk.reason().sqlstate)
      .add("error", talk.reason().text)
      .print();
}

}  // namespace

login_storm::login_storm(const client_options& options)
    : options_(options), keys_(options.password), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

int login_storm::run() {
  started_ = now_seconds();
  double drained_at = 0;
  while (!open_.empty() || has_more_to_begin()) {
    const double now = now_seconds();
    begin_due(now);
    give_up_older_than(now - options_.patience_seconds, "no answer");
    if (is_stopping && drained_at == 0) drained_at = now + options_.drain_seconds;
    if (drained_at > 0 && now > drained_at) give_up_older_than(now, "unfinished");
    wait(now + tick_seconds);
  }
  return 0;
}

bool login_storm::has_more_to_begin() const {
  return !is_stopping && (options_.count == 0 || begun_ < options_.count);
}

void login_storm::begin_due(double now) {
  while (has_more_to_begin() &&
         (options_.is_at_once || started_ + static_cast<double>(begun_) / options_.rate <= now))
    begin();
}

void login_storm::begin() {
  const double began = now_seconds();
  const std::uint64_t value = options_.first_value + begun_++;
  login one{
      connect_to(options_.ip, options_.port, SOCK_NONBLOCK), conversation(keys_), began, 0, value, false};
  const int fd = one.socket.value();
  if (fd < 0) {
    one.talk.fail(std::strerror(errno));
    print_login(one.talk, value, began, 0);
    return;
  }
  open_.emplace(fd, std::move(one));
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.value(), EPOLL_CTL_ADD, fd, &event);
}

void login_storm::wait(double until) {
  if (has_more_to_begin()) until = std::min(until, started_ + static_cast<double>(begun_) / options_.rate);
  const double seconds = std::max(0.0, until - now_seconds());
  const double whole = std::floor(seconds);
  const timespec timeout{static_cast<std::time_t>(whole), static_cast<long>((seconds - whole) * 1e9)};
  std::array<epoll_event, 64> events{};
  const int count =
      ::epoll_pwait2(epoll_.value(), events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto found = open_.find(events[static_cast<std::size_t>(i)].data.fd);
    if (found != open_.end()) on_event(found->second);
  }
}

void login_storm::on_event(login& one) {
  if (one.is_connected) {
    read(one);
  } else {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(one.socket.value(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      one.talk.fail(std::strerror(error));
    } else {
      one.is_connected = true;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = one.socket.value();
      ::epoll_ctl(epoll_.value(), EPOLL_CTL_MOD, one.socket.value(), &event);
      send(one, one.talk.start(options_.who));
    }
  }
  advance(one);
}

void login_storm::read(login& one) {
  std::array<char, 4096> bytes{};
  const ssize_t n = ::recv(one.socket.value(), bytes.data(), bytes.size(), 0);
  if (n > 0) {
    send(one, one.talk.feed({bytes.data(), static_cast<std::size_t>(n)}));
  } else if (n == 0 || errno != EAGAIN) {
    one.talk.fail(n == 0 ? "closed by the other side" : std::strerror(errno));
  }
}

// A login sends some hundred bytes into an empty socket buffer, so a short write means that it is gone.
void login_storm::send(login& one, const std::string& bytes) {
  if (bytes.empty() || one.talk.has_failed()) return;
  if (::send(one.socket.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(bytes.size()))
    one.talk.fail(std::strerror(errno));
}

void login_storm::advance(login& one) {
  const bool is_idle = one.talk.where() == phase::idle;
  const bool is_new = is_idle && one.logged_in == 0;
  // Also if the same bytes brought the end of the session: that login was done.
  if (is_new) one.logged_in = now_seconds();
  if (is_new && !one.talk.has_failed() && !options_.table.empty()) {
    send(one, one.talk.ask(write_statement(options_, one.value)));
    if (!one.talk.has_failed()) return;
  }
  if (is_idle || one.talk.has_failed()) finish(one);
}

void login_storm::finish(login& one) {
  print_login(one.talk, one.value, one.began, one.logged_in);
  // Terminate -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-TERMINATE
  constexpr std::array<char, 5> terminate{'X', 0, 0, 0, 4};
  if (one.is_connected)
    static_cast<void>(::send(one.socket.value(), terminate.data(), terminate.size(), MSG_NOSIGNAL));
  open_.erase(one.socket.value());
}

void login_storm::give_up_older_than(double began, const char* why) {
  std::vector<int> old;
  for (const auto& [fd, one] : open_)
    if (one.began <= began) old.push_back(fd);
  for (const int fd : old) {
    login& one = open_.at(fd);
    one.talk.fail(why);
    finish(one);
  }
}

}  // namespace pgsteer::bench
