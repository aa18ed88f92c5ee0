#pragma once
// One session of the load client, and what all of them share.
//
// Each logs in and asks one small query; then it waits, asks on in a closed loop, or moves bulk. Not
// thread-safe. One buffer serves all: nothing here grows with the number of sessions but this object.
//
// Flow: open() -> on_event() whenever the set says so -> is_ready() -> go() -> on_event() ...
#include <cstdint>
#include <string>

#include "programs/event_set.hpp"
#include "programs/latency_histogram.hpp"

namespace pgsteer::bench {

enum class traffic_kind {
  idle,      // stays logged in
  small,     // round trips, closed loop
  bulk_out,  // rows from the backend
  bulk_in,   // CopyData to it
  stalled,   // asks for a large result and never reads it
  login      // logs in, asks one query, says goodbye and begins anew
};

struct load_run {
  std::string ip;
  std::uint16_t port = 0;
  std::uint64_t blocks = 0;  // of one bulk query
  event_set events;

  // Counted all the time; main() clears them when the measured interval begins.
  latency_histogram latencies;  // of round trips and logins
  std::uint64_t bulk_out_bytes = 0;
  std::uint64_t bulk_in_bytes = 0;
  std::uint64_t bulk_queries_done = 0;
};

[[nodiscard]] std::uint64_t now_nanoseconds();

class load_session {
 public:
  // run outlives the session.
  load_session(load_run& run, traffic_kind kind) : run_(run), kind_(kind) {}

  void open();
  // Traffic begins; precondition: is_ready(), but for traffic_kind::login.
  void go();
  void on_event(std::uint32_t events);
  [[nodiscard]] bool is_ready() const { return state_ == state::ready; }

 private:
  enum class state { closed, connecting, starting, asking, ready, sending_bulk, stalled };

  void on_connected();
  void on_greeting();
  void on_answer_bytes();
  void on_answered();
  void ask(const std::string& query, std::uint64_t answer_size);
  void send_bulk();
  void reopen();
  void send_all(const std::string& bytes);

  load_run& run_;
  traffic_kind kind_;
  state state_ = state::closed;
  bool has_gone_ = false;
  net::unique_fd socket_;
  std::string greeting_;
  std::uint64_t answer_left_ = 0;
  std::uint64_t send_left_ = 0;
  std::uint64_t asked_at_ = 0;
};

}  // namespace pgsteer::bench
