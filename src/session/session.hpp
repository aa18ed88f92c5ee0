#pragma once
// session: one client from accept to close.
//
// Decides nothing: until the client is logged in, its login does (login/login_machine.hpp, carried out by
// login_driver); then it is two sockets that the relay engine moves bytes between, and counters. Lives on one
// worker's thread and never leaves it; keeps itself alive from start() until it is closed.
//
// Flow: start() -> start_relay() -> finish_login() -> on_end(), or fail_login() before. carry_away() ->
// on_detach() instead of the end; carry_on() instead of the login.
#include <boost/intrusive/list_hook.hpp>
#include <memory>
#include <optional>
#include <string>

#include "pgsteer/login/lease.hpp"
#include "pgsteer/login/stay_rules.hpp"
#include "pgsteer/session/close_reason.hpp"
#include "pgsteer/session/start_session.hpp"
#include "pgsteer/session/worker_context.hpp"
#include "session/client_names.hpp"
#include "session/login_driver.hpp"

namespace pgsteer::session {

class session final : public relay::flow_owner, public boost::intrusive::list_base_hook<> {
 public:
  session(worker_context& worker, listener_state& listener, accepted_client client);
  session(worker_context& worker, listener_state& listener, const carried_session& carried,
          login::picked_backend backend);
  ~session();

  static void start(const std::shared_ptr<session>& self);
  static void carry_on(const std::shared_ptr<session>& self, carried_session carried);
  // It is given to worker_context::give_away() soon, unless it ends before. False: it cannot be, as it is not
  // logged in yet or is about to end; or it has been asked already.
  [[nodiscard]] bool carry_away();
  // The worker's state has changed: leaves a backend that may no longer have it; ends when a drain does.
  void review();
  // For a drain: it ends when it is idle.
  void call_to_leave();
  // For an operator: it ends soon, whatever it is doing, and so does what its backend is doing for it.
  void kill();
  [[nodiscard]] session_id id() const noexcept { return id_; }
  // Nothing: it is over, or about to be.
  [[nodiscard]] std::optional<listed_session> describe() const;

  // Of its login.
  [[nodiscard]] std::shared_ptr<session> alive() const noexcept { return itself_; }  // null once it is closed
  [[nodiscard]] worker_context& worker() const noexcept { return worker_; }
  [[nodiscard]] listener_state& listener() const noexcept { return listener_; }
  [[nodiscard]] login_driver* login() const noexcept { return login_.get(); }
  void start_relay();
  void fail_login(const login::ending& end);

 private:
  relay::watch_verdict on_backend_bytes(byte_span bytes) override;
  void finish_login();
  void forget_cancel_key();
  void on_end(const relay::flow_summary& summary) override;
  void on_detach(relay::carried_flow&& flow) override;
  void close(close_reason reason, const relay::flow_summary& summary);
  // Idle outside a transaction, the client is told why; until then it goes on if it may wait for that
  // (login::removal::when_quiet_for).
  void request_close(const login::removal& why);
  // It was asked to make way, and need not any more.
  void stay();
  // True if its login's end or its first query is still to be expected; then it is reviewed again afterwards.
  [[nodiscard]] bool waits_for_first_query(const login::removal& why);
  // Until when it may wait for that, once it is logged in; and for its turn, where they go one by one.
  [[nodiscard]] time_point first_query_due(const login::removal& why) const;
  [[nodiscard]] time_point turn_to_leave(const login::removal& why);
  void review_if_due();
  [[nodiscard]] std::string_view detail() const noexcept {
    return detail_ ? std::string_view(*detail_) : std::string_view();
  }

  worker_context& worker_;
  listener_state& listener_;
  const session_id id_;
  const net::tcp::endpoint client_address_;
  const time_point accepted_at_;
  permit permit_;
  std::unique_ptr<login_driver> login_;  // until it is logged in

  // Since the relay has started.
  net::unique_fd client_fd_;
  net::unique_fd backend_fd_;
  relay::flow* flow_ = nullptr;
  login::lease backend_;
  cancel_registry::entry cancel_entry_ = nullptr;

  std::shared_ptr<session> itself_;              // until it is closed
  std::optional<close_reason> requested_;        // somebody else wants this session closed
  bool is_stopping_ = false;                     // at once, and no longer when it is idle
  std::optional<close_reason> login_end_;        // the backend refused the login, or was refused
  bool is_readable_ = false;                     // nothing is encrypted
  time_point logged_in_at_ = time_point::max();  // then as long as that is under way; else its login's start
  std::optional<time_point> review_due_;         // it waits for its first query, or for its turn
  std::optional<time_point> turn_;               // to leave a drained backend
  bool is_called_to_leave_ = false;
  bool is_carried_away_ = false;
  bool can_speak_ = false;  // the refused login stood between two messages to the client
  client_names names_;
  std::unique_ptr<const std::string> detail_;  // for the log, and for the client's last message
};

}  // namespace pgsteer::session
