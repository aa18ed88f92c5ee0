#include "programs/load_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "programs/traffic.hpp"
#include "support/wire.hpp"

namespace pgsteer::bench {

namespace wire = pgsteer::test::wire;

namespace {

constexpr std::size_t header_bytes = 5;
// Of one bulk session before its neighbours get their turn: 1 MiB at most.
constexpr int sends_per_turn_max = 4;
// A result of 1 GiB: far more than all sockets on its way take in.
constexpr std::uint64_t stalled_blocks = 4096;

const std::string& round_trip_query() {
  static const std::string query = small_query();
  return query;
}

const std::string& copy_data() {
  static const std::string block = block_of('d');
  return block;
}

const std::string& startup() {
  static const std::string packet = wire::startup_message({{"user", "load"}, {"database", "load"}});
  return packet;
}

// True if it ends with a whole ReadyForQuery; gives up on an error.
bool is_ready_for_query(const std::string& bytes) {
  std::size_t at = 0;
  while (bytes.size() >= at + header_bytes) {
    const std::size_t size = wire::read_int32(bytes, at + 1) + std::size_t{1};
    if (bytes.size() < at + size) return false;
    const std::string_view body = std::string_view(bytes).substr(at + header_bytes, size - header_bytes);
    if (bytes[at] == 'E') give_up("the login was refused: " + wire::parse_error(body).message);
    if (bytes[at] == 'Z') return true;
    at += size;
  }
  return false;
}

}  // namespace

std::uint64_t now_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

void load_session::open() {
  asked_at_ = now_nanoseconds();
  socket_ = dial(run_.ip, run_.port);
  run_.events.add(socket_.value(), this, EPOLLOUT);
  state_ = state::connecting;
}

void load_session::go() {
  has_gone_ = true;
  switch (kind_) {
    case traffic_kind::idle:
      break;
    case traffic_kind::small:
      ask(round_trip_query(), answer_bytes);
      break;
    case traffic_kind::bulk_out:
      ask(bulk_query('o', run_.blocks), run_.blocks * block_bytes + answer_bytes);
      break;
    case traffic_kind::bulk_in:
      ask(bulk_query('i', run_.blocks), answer_bytes);
      send_left_ = run_.blocks * block_bytes;
      state_ = state::sending_bulk;
      run_.events.change(socket_.value(), this, EPOLLIN | EPOLLOUT);
      break;
    case traffic_kind::stalled:
      ask(bulk_query('o', stalled_blocks), answer_bytes);
      state_ = state::stalled;
      run_.events.change(socket_.value(), this, 0);
      break;
    case traffic_kind::login:
      open();
      break;
  }
}

void load_session::on_event(std::uint32_t events) {
  switch (state_) {
    case state::connecting:
      on_connected();
      break;
    case state::starting:
      on_greeting();
      break;
    case state::asking:
      on_answer_bytes();
      break;
    case state::sending_bulk:
      if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) give_up("bulk was cut off");
      send_bulk();
      break;
    case state::ready:
    case state::stalled:
    case state::closed:
      give_up("a session was closed by the other side");
  }
}

void load_session::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.value(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    errno = error;
    give_up("cannot connect");
  }
  run_.events.change(socket_.value(), this, EPOLLIN);
  greeting_.clear();
  send_all(startup());
  state_ = state::starting;
}

void load_session::on_greeting() {
  std::array<char, 4096> bytes;
  const ssize_t n = ::recv(socket_.value(), bytes.data(), bytes.size(), 0);
  if (n == 0 || (n < 0 && errno != EAGAIN)) give_up("the connection ended before the login was done");
  greeting_.append(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (!is_ready_for_query(greeting_)) return;
  greeting_ = {};
  const std::uint64_t began = asked_at_;
  ask(round_trip_query(), answer_bytes);
  if (kind_ == traffic_kind::login) asked_at_ = began;
}

void load_session::ask(const std::string& query, std::uint64_t answer_size) {
  answer_left_ = answer_size;
  state_ = state::asking;
  asked_at_ = now_nanoseconds();
  send_all(query);
}

void load_session::on_answer_bytes() {
  // The kernel throws bulk away itself (tcp(7), MSG_TRUNC), so that this program is never what is measured.
  const bool is_bulk = answer_left_ > block_bytes;
  std::array<char, 4096> bytes;
  const std::size_t wanted = is_bulk ? 4 * block_bytes : bytes.size();
  const ssize_t n = ::recv(socket_.value(), is_bulk ? nullptr : bytes.data(),
                           std::min<std::uint64_t>(wanted, answer_left_), is_bulk ? MSG_TRUNC : 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) give_up("the connection ended before the answer was whole");
  answer_left_ -= static_cast<std::uint64_t>(n);
  if (kind_ == traffic_kind::bulk_out && has_gone_) run_.bulk_out_bytes += static_cast<std::uint64_t>(n);
  if (answer_left_ == 0) on_answered();
}

void load_session::on_answered() {
  state_ = state::ready;
  if (!has_gone_) return;
  if (kind_ == traffic_kind::small || kind_ == traffic_kind::login)
    run_.latencies.add(now_nanoseconds() - asked_at_);
  if (kind_ == traffic_kind::small) ask(round_trip_query(), answer_bytes);
  if (kind_ == traffic_kind::login) reopen();
  if (kind_ == traffic_kind::bulk_in || kind_ == traffic_kind::bulk_out) ++run_.bulk_queries_done;
}

void load_session::reopen() {
  static const std::string goodbye = wire::terminate();
  send_all(goodbye);
  open();
}

void load_session::send_bulk() {
  const std::string& block = copy_data();
  for (int i = 0; i < sends_per_turn_max && send_left_ > 0; ++i) {
    // send_left_ counts down in whole blocks, so where in the block we are follows from it.
    const std::size_t offset = (block_bytes - send_left_ % block_bytes) % block_bytes;
    const ssize_t n = ::send(socket_.value(), block.data() + offset, block_bytes - offset, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) give_up("bulk was cut off");
    send_left_ -= static_cast<std::uint64_t>(n);
    run_.bulk_in_bytes += static_cast<std::uint64_t>(n);
  }
  if (send_left_ > 0) return;
  state_ = state::asking;
  run_.events.change(socket_.value(), this, EPOLLIN);
}

// Small messages on a socket that has nothing to send: the kernel takes them whole.
void load_session::send_all(const std::string& bytes) {
  if (::send(socket_.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
    give_up("cannot send");
}

}  // namespace pgsteer::bench
