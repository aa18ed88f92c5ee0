#include "clients/blocking_session.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "clients/record.hpp"
#include "clients/sockets.hpp"

namespace pgsteer::bench {
namespace {

// How soon a thread that waits for an answer sees that it is to stop.
constexpr timeval read_slice{0, 50'000};

}  // namespace

blocking_session::blocking_session(const client_options& options, scram_key_cache& keys)
    : options_(options), talk_(keys) {}

bool blocking_session::connect() {
  socket_ = connect_to(options_.ip, options_.port, 0);
  if (!socket_.is_open()) {
    talk_.fail(std::strerror(errno));
    return false;
  }
  ::setsockopt(socket_.value(), SOL_SOCKET, SO_RCVTIMEO, &read_slice, sizeof read_slice);
  return true;
}

bool blocking_session::open() {
  return connect() && exchange(talk_.start(options_.who));
}

bool blocking_session::ask(const std::string& statement) {
  return exchange(talk_.ask(statement));
}

// Until PostgreSQL waits for the next statement.
bool blocking_session::exchange(std::string to_send) {
  const double deadline = now_seconds() + options_.patience_seconds;
  std::array<char, 4096> bytes{};
  do {
    if (!to_send.empty() && ::send(socket_.value(), to_send.data(), to_send.size(), MSG_NOSIGNAL) !=
                                static_cast<ssize_t>(to_send.size()))
      talk_.fail(std::strerror(errno));
    const ssize_t n = talk_.has_failed() ? 0 : ::recv(socket_.value(), bytes.data(), bytes.size(), 0);
    const bool is_slice_over = n < 0 && (errno == EAGAIN || errno == EINTR);
    to_send.clear();
    if (n > 0) {
      to_send = talk_.feed({bytes.data(), static_cast<std::size_t>(n)});
    } else if (!is_slice_over) {
      talk_.fail(n == 0 ? "closed by the other side" : std::strerror(errno));
    } else if (is_stopping || now_seconds() > deadline) {
      talk_.fail(is_stopping ? "unfinished" : "no answer");
    }
  } while (!talk_.has_failed() && (talk_.where() != phase::idle || !to_send.empty()));
  return !talk_.has_failed();
}

}  // namespace pgsteer::bench
