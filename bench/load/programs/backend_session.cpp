#include "programs/backend_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "programs/traffic.hpp"
#include "support/wire.hpp"

namespace pgsteer::bench {

namespace wire = pgsteer::test::wire;

namespace {

constexpr std::size_t header_bytes = 5;
// Of one bulk session before its neighbours get their turn: 1 MiB at most.
constexpr int sends_per_turn_max = 4;

std::array<char, block_bytes>& shared_buffer() {
  static std::array<char, block_bytes> buffer;
  return buffer;
}

const std::string& rows() {
  static const std::string block = block_of('D');
  return block;
}

const std::string& usual_answer() {
  static const std::string answer = small_answer();
  return answer;
}

std::uint32_t next_pid() {
  static std::uint32_t last = 1'000;
  return ++last;
}

}  // namespace

bool backend_session::on_event(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && !flush()) return false;
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) return read();
  return true;
}

bool backend_session::read() {
  auto& buffer = shared_buffer();
  // The kernel throws bulk away itself (tcp(7), MSG_TRUNC), so that this program is never what is measured.
  const int flags = discard_left_ > 0 ? MSG_TRUNC : 0;
  const std::size_t wanted =
      discard_left_ > 0 ? std::min<std::uint64_t>(discard_left_, 4 * block_bytes) : buffer.size();
  const ssize_t n = ::recv(socket_.value(), flags == 0 ? buffer.data() : nullptr, wanted, flags);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  if (flags != 0) {
    discard(static_cast<std::uint64_t>(n));
    return !has_failed_;
  }
  return on_bytes({buffer.data(), static_cast<std::size_t>(n)});
}

void backend_session::discard(std::uint64_t bytes) {
  discard_left_ -= bytes;
  if (discard_left_ == 0) reply(usual_answer());
}

bool backend_session::on_bytes(std::string_view bytes) {
  const bool is_whole_query = is_logged_in_ && unread_.empty() && bytes.size() == query_bytes &&
                              bytes[header_bytes] == 'r' && bytes[0] == 'Q';
  if (is_whole_query) {
    reply(usual_answer());
    return !has_failed_;
  }
  unread_ += bytes;
  if (!is_logged_in_ && !take_startup_packets()) return false;
  return !is_logged_in_ || (take_messages() && !has_failed_);
}

// Typeless packets up to the StartupMessage; encryption is declined. False: nothing more is to be said.
bool backend_session::take_startup_packets() {
  while (!is_logged_in_ && unread_.size() >= 8) {
    const std::size_t size = wire::read_int32(unread_, 0);
    const std::uint32_t code = wire::read_int32(unread_, 4);
    if (size < 8 || code == wire::cancel_request_code) return false;
    if (unread_.size() < size) break;
    unread_.erase(0, size);
    if (code == wire::ssl_request_code || code == wire::gssenc_request_code) {
      reply("N");
    } else {
      is_logged_in_ = true;
      reply(greeting(next_pid()));
    }
  }
  return true;
}

// False: Terminate, or a message of impossible length.
bool backend_session::take_messages() {
  while (unread_.size() >= header_bytes) {
    const std::size_t size = wire::read_int32(unread_, 1) + std::size_t{1};
    if (size < header_bytes || unread_[0] == 'X') return false;
    if (unread_.size() < size) break;
    const std::string message = unread_.substr(0, size);
    unread_.erase(0, size);
    if (message[0] == 'Q') answer(std::string_view(message).substr(header_bytes));
    if (discard_left_ > 0 && !unread_.empty()) {
      const std::size_t part = std::min<std::uint64_t>(discard_left_, unread_.size());
      unread_.erase(0, part);
      discard(part);
    }
  }
  return true;
}

void backend_session::answer(std::string_view text) {
  if (text.starts_with("r.")) {
    reply(usual_answer());
  } else if (text.starts_with("i ")) {
    discard_left_ = blocks_in(text) * block_bytes;
  } else if (text.starts_with("o ")) {
    blocks_left_ = blocks_in(text);
    has_failed_ = !flush();
  } else {
    reply(answer_to_others(text));
  }
}

void backend_session::reply(std::string_view bytes) {
  send_now(bytes);
  has_failed_ = has_failed_ || !flush();
}

// What the socket does not take now stays in unsent_.
void backend_session::send_now(std::string_view bytes) {
  if (unsent_.empty()) {
    const ssize_t n = ::send(socket_.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) has_failed_ = true;
    bytes.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
  }
  unsent_ += bytes;
}

// False: the socket is full, or broken.
bool backend_session::send_of_block() {
  const ssize_t n =
      ::send(socket_.value(), rows().data() + block_sent_, block_bytes - block_sent_, MSG_NOSIGNAL);
  if (n < 0) {
    has_failed_ = errno != EAGAIN;
    return false;
  }
  block_sent_ += static_cast<std::size_t>(n);
  if (block_sent_ < block_bytes) return true;
  block_sent_ = 0;
  if (--blocks_left_ == 0) send_now(usual_answer());
  return true;
}

// Sends what is stuck and then blocks, until the socket is full or the turn is over.
bool backend_session::flush() {
  if (!unsent_.empty()) {
    const std::string stuck = std::exchange(unsent_, {});
    send_now(stuck);
  }
  for (int i = 0; i < sends_per_turn_max && blocks_left_ > 0 && unsent_.empty() && !has_failed_; ++i) {
    if (!send_of_block()) break;
  }
  const bool has_more = !unsent_.empty() || blocks_left_ > 0;
  if (has_more != is_writing_ && !has_failed_) {
    is_writing_ = has_more;
    events_.change(socket_.value(), this, has_more ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
  return !has_failed_;
}

}  // namespace pgsteer::bench
