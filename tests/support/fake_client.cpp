#include "support/fake_client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace pgsteer::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int make_socket(std::optional<int> receive_buffer_bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Before connect, as the window scale is agreed in the handshake: tcp(7).
  if (receive_buffer_bytes) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &*receive_buffer_bytes, sizeof *receive_buffer_bytes);
  }
  return fd;
}

bool is_interrupted(int error) {
  return error == EINTR || error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

std::string query_outcome::value() const {
  if (rows.empty() || rows.front().empty()) return {};
  return rows.front().front().value_or("");
}

fake_client::fake_client(const endpoint& target, std::optional<int> receive_buffer_bytes)
    : fd_(make_socket(receive_buffer_bytes)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  ::inet_pton(AF_INET, target.host.c_str(), &address.sin_addr);
  const int outcome = ::connect(fd_.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (outcome == 0) return;
  int error = errno;
  if (error == EINPROGRESS && wait_for(POLLOUT, steady_clock::now() + patience)) {
    socklen_t size = sizeof error;
    ::getsockopt(fd_.value(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) fd_.reset();
}

bool fake_client::wait_for(short event, steady_clock::time_point until) const {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    pollfd waiting{fd_.value(), event, 0};
    const int n = ::poll(&waiting, 1, static_cast<int>(std::max<milliseconds::rep>(left.count(), 0)));
    if (n > 0) return true;
    if (n == 0) return false;
    if (errno != EINTR) return false;
  }
}

bool fake_client::send(std::string_view bytes, milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (!is_interrupted(errno) || !wait_for(POLLOUT, until)) {
      return false;
    }
  }
  return true;
}

bool fake_client::send_urgent(char byte) {
  return ::send(fd_.value(), &byte, 1, MSG_NOSIGNAL | MSG_OOB) == 1;
}

bool fake_client::send_in_chunks(std::string_view bytes, std::size_t chunk_bytes, milliseconds pause) {
  for (std::size_t offset = 0; offset < bytes.size(); offset += chunk_bytes) {
    if (offset > 0 && pause.count() > 0) std::this_thread::sleep_for(pause);
    if (!send(bytes.substr(offset, chunk_bytes))) return false;
  }
  return true;
}

bool fake_client::wait_for_arrival() const {
  return eventually(patience, [this] {
    int unacknowledged = 0;  // tcp(7), SIOCOUTQ
    return ::ioctl(fd_.value(), TIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
  });
}

bool fake_client::read_some(steady_clock::time_point until) {
  if (!fd_.is_open()) {
    end_ = stream_end::reset;
    return false;
  }
  std::string chunk(wire::read_bytes_max, '\0');
  for (;;) {
    const ssize_t n = ::recv(fd_.value(), chunk.data(), chunk.size(), 0);
    if (n > 0) {
      inbox_.append(chunk, 0, static_cast<std::size_t>(n));
      end_ = stream_end::open;
      return true;
    }
    if (n == 0) {
      end_ = stream_end::closed;
      return false;
    }
    if (!is_interrupted(errno)) {
      end_ = stream_end::reset;
      return false;
    }
    if (!wait_for(POLLIN, until)) {
      end_ = stream_end::timed_out;
      return false;
    }
  }
}

read_result fake_client::read_exactly(std::size_t n, milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  end_ = stream_end::open;
  while (inbox_.size() < n && read_some(until)) {
  }
  read_result result{inbox_.substr(0, n), end_};
  inbox_.erase(0, n);
  return result;
}

read_result fake_client::read_until_end(milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  while (read_some(until)) {
  }
  read_result result{std::move(inbox_), end_};
  inbox_.clear();
  return result;
}

std::optional<wire::message> fake_client::read_message(milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  while (inbox_.size() < 5 || inbox_.size() < 1 + std::size_t{wire::read_int32(inbox_, 1)}) {
    if (!read_some(until)) return std::nullopt;
  }
  const std::size_t length = wire::read_int32(inbox_, 1);
  wire::message message{inbox_.front(), inbox_.substr(5, length - 4)};
  inbox_.erase(0, 1 + length);
  return message;
}

login_outcome fake_client::startup(const std::string& user, const std::string& database,
                                   milliseconds deadline) {
  send(app_startup_message(user, database));
  return read_login(deadline);
}

login_outcome fake_client::read_login(milliseconds deadline) {
  login_outcome outcome;
  const auto until = steady_clock::now() + deadline;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    const auto message = read_message(left);
    if (!message) {
      outcome.end = end_;
      return outcome;
    }
    const std::string& body = message->body;
    if (message->type == 'S') {
      std::size_t offset = 0;
      const std::string name = wire::read_text(body, offset);
      outcome.parameters[name] = wire::read_text(body, offset);
    } else if (message->type == 'K') {
      outcome.pid = wire::read_int32(body, 0);
      outcome.key = body.substr(4);
    } else if (message->type == 'E') {
      const auto fields = wire::parse_error(body);
      outcome.severity = fields.severity;
      outcome.sqlstate = fields.sqlstate;
      outcome.message = fields.message;
    } else if (message->type == 'Z') {
      outcome.is_logged_in = outcome.has_seen_ready = true;
      return outcome;
    }
  }
}

query_outcome fake_client::query(std::string_view text, milliseconds deadline) {
  send(wire::query(text));
  return read_query_result(deadline);
}

query_outcome fake_client::read_query_result(milliseconds deadline) {
  query_outcome outcome;
  const auto until = steady_clock::now() + deadline;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    const auto message = read_message(left);
    if (!message) {
      outcome.end = end_;
      return outcome;
    }
    if (message->type == 'D') outcome.rows.push_back(wire::parse_data_row(message->body));
    if (message->type == 'E') {
      const auto fields = wire::parse_error(message->body);
      outcome.severity = fields.severity;
      outcome.sqlstate = fields.sqlstate;
      outcome.message = fields.message;
    }
    if (message->type == 'Z') {
      outcome.status = message->body.empty() ? '\0' : message->body.front();
      return outcome;
    }
  }
}

void fake_client::half_close() {
  ::shutdown(fd_.value(), SHUT_WR);
}

void fake_client::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_.value(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd_.reset();
}

void fake_client::close() {
  fd_.reset();
}

stream_end send_cancel(const endpoint& target, std::uint32_t pid, std::string_view key) {
  fake_client client(target);
  client.send(wire::cancel_request(pid, key));
  return client.read_until_end().end;
}

std::string app_startup_message(const std::string& user, const std::string& database) {
  return wire::startup_message({{"user", user}, {"database", database}});
}

}  // namespace pgsteer::test
