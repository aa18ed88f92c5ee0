#pragma once
// session: one client from accept to close.
//
// Decides nothing: pgwire reads the packets, routing picks the backend, relay moves the bytes; run() carries
// their decisions out, in order, until the client is logged in. From then on only itself_ keeps it alive,
// until on_end(). Lives on one worker's thread and never leaves it.
//
// Flow: open() (first packet, route, connect) -> start_relay() -> await_login() -> on_end() -> close().
// Each step answers nothing to go on, or the close_reason that ends the session.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "pgsteer/net/socket.hpp"
#include "pgsteer/session/close_reason.hpp"
#include "pgsteer/session/start_session.hpp"
#include "pgsteer/session/worker_context.hpp"
#include "session/opening.hpp"

namespace pgsteer::session {

class session final : public relay::flow_owner, public boost::intrusive::list_base_hook<> {
 public:
  using maybe_end = std::optional<close_reason>;

  session(worker_context& worker, listener_state& listener, accepted_client client);
  ~session();

  static boost::asio::awaitable<void> run(std::shared_ptr<session> self);

  // The topology changed: leaves a backend that may no longer have this session.
  void review(const topology::topology_snapshot& snapshot);
  void request_close(close_reason reason);

 private:
  // session.cpp: the life.
  boost::asio::awaitable<maybe_end> open();
  boost::asio::awaitable<maybe_end> admit();
  boost::asio::awaitable<maybe_end> read_packet();
  void note_malformed();
  boost::asio::awaitable<maybe_end> request_encryption();
  boost::asio::awaitable<maybe_end> start_plaintext();
  boost::asio::awaitable<maybe_end> refuse(close_reason reason);
  boost::asio::awaitable<void> await_login();
  void start_relay();

  // reach_backend.cpp: route, hold, dial, ask, and again.
  boost::asio::awaitable<maybe_end> reach_backend(question what);
  boost::asio::awaitable<maybe_end> route();
  boost::asio::awaitable<maybe_end> hold(routing::no_backend why);
  boost::asio::awaitable<maybe_end> enter_dial_gate();
  boost::asio::awaitable<maybe_end> sit_out_local_trouble();
  boost::asio::awaitable<attempt_end> dial();
  attempt_end failed_dial(const error_code& ec);
  attempt_end failed_attempt(const error_code& ec);
  boost::asio::awaitable<attempt_end> ask(question what);
  void note_login();
  void expect_within(duration timeout, std::function<void()> on_timeout);
  void on_slow_answer(question what);
  boost::asio::awaitable<attempt_end> read_encryption_reply();
  boost::asio::awaitable<attempt_end> read_first_message();
  void lease(const routing::choice& chosen);
  void drop_backend(attempt_end why);
  void leave_dial_gate();
  void end_hold(bool is_released);
  void watch_client();
  void look_at_client();
  void stop_watching_client();
  [[nodiscard]] maybe_end interruption() const;
  [[nodiscard]] bool is_interrupted() const;
  [[nodiscard]] bool is_backend_usable() const;
  maybe_end local_trouble(const error_code& ec);

  // cancel.cpp
  boost::asio::awaitable<maybe_end> forward_cancel();
  [[nodiscard]] std::vector<endpoint> cancel_targets(const pgwire::cancel_key& key) const;

  // closing.cpp
  relay::watch_verdict on_backend_bytes(byte_span bytes) override;
  void on_end(const relay::flow_summary& summary) override;
  [[nodiscard]] close_reason reason_of(const relay::flow_summary& summary) const;
  void close(close_reason reason, const relay::flow_summary& summary);
  void leave_cancel_registry();
  // The message for the client, where describe() has too little to say.
  void explain(std::string detail);
  void farewell(close_reason reason, const relay::flow_summary& summary);
  void log_end(close_reason reason, const relay::flow_summary& summary) const;

  worker_context& worker_;
  listener_state& listener_;
  const net::tcp::endpoint client_address_;
  const time_point accepted_at_;
  net::permit session_permit_;
  net::permit refusal_permit_;
  std::unique_ptr<opening> opening_;

  // Since the relay has started; before, they are in opening_.
  net::unique_fd client_fd_;
  net::unique_fd backend_fd_;

  // The backend that has, or is about to have, this session; its counters hold a place for it.
  topology::backend_id backend_id_;
  endpoint backend_address_;
  std::shared_ptr<metrics::backend_counters> backend_counters_;

  std::shared_ptr<session> itself_;  // while it is relayed
  relay::flow* flow_ = nullptr;
  cancel_registry::place cancel_place_ = nullptr;
  maybe_end requested_;     // somebody else wants this session closed
  maybe_end watched_end_;   // the login watch ended it, or knows why the backend will
  bool can_speak_ = false;  // the refused login stood between two messages to the client
  std::string user_;
  std::string database_;
  std::unique_ptr<const std::string> detail_;
};

}  // namespace pgsteer::session
