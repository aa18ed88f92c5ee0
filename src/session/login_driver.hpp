#pragma once
// login_driver: carries out what a login_machine decides, for one session, until it is logged in or ends.
//
// Decides nothing: go_on() is one switch. Owned by its session; the worker's thread. What it has posted keeps
// the session alive, and finds no login there any more if that is over.
//
// Flow: start() -> go_on() for whatever happens -> session::start_relay() -> session::finish_login(), or
// session::fail_login().
#include <functional>
#include <optional>

#include "pgsteer/login/login_machine.hpp"
#include "pgsteer/net/moving_deadline.hpp"
#include "pgsteer/session/start_session.hpp"
#include "session/cancel_delivery.hpp"
#include "session/client_names.hpp"
#include "session/leg.hpp"

namespace pgsteer::session {

class session;

class login_driver final : public leg::owner {
 public:
  login_driver(session& of, accepted_client client);
  login_driver(const login_driver&) = delete;
  login_driver& operator=(const login_driver&) = delete;

  void start();
  // The session may be over, and its login gone, when this returns.
  void go_on(login::event what);

  [[nodiscard]] login::login_machine& machine() noexcept { return machine_; }
  // As far as they are known.
  [[nodiscard]] client_names names() const {
    return {machine_.user(), machine_.database(), machine_.application_name()};
  }
  [[nodiscard]] leg& client() noexcept { return client_; }
  [[nodiscard]] leg& backend() noexcept { return backend_; }

 private:
  using maybe_event = std::optional<login::event>;

  // The answer, if there is one already.
  maybe_event perform(const login::action& next);
  maybe_event begin(leg& which, const leg::operation& what);
  maybe_event choose();
  maybe_event dial();
  void forward_cancel(byte_span packet);
  void watch_client(bool is_wanted);
  void on_ready(leg& which) override;

  session& session_;
  std::function<void()> wake_;
  login::login_machine machine_;
  leg client_;
  leg backend_;
  std::optional<std::uint64_t> ticket_;  // of its listener; drawn once
  std::optional<cancel_delivery> cancel_;
  net::moving_deadline deadline_;
};

}  // namespace pgsteer::session
