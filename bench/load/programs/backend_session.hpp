#pragma once
// One session of the fake backend: from the startup packet through login to queries.
//
// A query that arrives whole and alone, as nearly all do, is answered without being copied. Not thread-safe.
//
// Flow: watch() once -> on_event() whenever the set says so, until it returns false -> destroy it.
#include <cstdint>
#include <string>
#include <string_view>

#include "programs/event_set.hpp"

namespace pgsteer::bench {

class backend_session {
 public:
  // events outlives the session.
  backend_session(net::unique_fd socket, event_set& events) : socket_(std::move(socket)), events_(events) {}

  void watch() { events_.add(socket_.value(), this, EPOLLIN); }
  // False: the session has ended.
  [[nodiscard]] bool on_event(std::uint32_t events);

 private:
  [[nodiscard]] bool read();
  [[nodiscard]] bool on_bytes(std::string_view bytes);
  [[nodiscard]] bool take_startup_packets();
  [[nodiscard]] bool take_messages();
  void answer(std::string_view text);
  void reply(std::string_view bytes);
  void discard(std::uint64_t bytes);
  [[nodiscard]] bool flush();
  void send_now(std::string_view bytes);
  [[nodiscard]] bool send_of_block();

  net::unique_fd socket_;
  event_set& events_;
  std::string unread_;              // an incomplete message
  std::string unsent_;              // what the socket did not take
  std::uint64_t blocks_left_ = 0;   // of DataRows to send
  std::size_t block_sent_ = 0;      // bytes of the first of these
  std::uint64_t discard_left_ = 0;  // bytes of CopyData to come
  bool is_logged_in_ = false;
  bool has_failed_ = false;
  bool is_writing_ = false;  // EPOLLOUT is asked for
};

}  // namespace pgsteer::bench
