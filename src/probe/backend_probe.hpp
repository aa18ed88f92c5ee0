#pragma once
// The probe of one backend: its open connection, the fresh logins beside it, and when each is due.
//
// Not a judge of roles. Owned by prober through shared_ptr, and by its own coroutines until stop(). Control
// thread.
//
// Flow: start() -> on_result for every probe that ends, on_late for one that is overdue -> stop(); nothing is
// called after that.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>

#include "pgsteer/net/wait_point.hpp"
#include "pgsteer/probe/options.hpp"
#include "pgsteer/probe/prober.hpp"
#include "probe/outcome_log.hpp"
#include "probe/probe_schedule.hpp"
#include "probe/role_connection.hpp"

namespace pgsteer::probe {

class backend_probe : public std::enable_shared_from_this<backend_probe> {
 public:
  struct handlers {  // as in probe_callbacks; all set
    std::function<void(const topology::probe_result&)> on_result;
    std::function<void(time_point sent_at)> on_late;
    std::function<std::uint64_t()> logins_answered;
    std::function<std::uint64_t()> logins_let_in;
    std::function<std::uint64_t()> sessions;
  };

  backend_probe(boost::asio::io_context& context, const probe_options& options, probe_target target,
                handlers report);

  void start();
  void change_options(const probe_options& options);
  void renew_login();
  void hint();
  void ask_once();
  void ask_soon();
  void end_bursts();
  // A standby that is not being asked anyway: has it say whether it still is one, again so much later.
  void watch(duration until_next);
  void stop();
  [[nodiscard]] const probe_target& target() const noexcept { return target_; }

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<backend_probe> self);
  static boost::asio::awaitable<void> run_fresh_login(std::shared_ptr<backend_probe> self);
  boost::asio::awaitable<void> wait_until_due();
  boost::asio::awaitable<topology::probe_result> probe();
  boost::asio::awaitable<topology::probe_result> log_in_and_ask();
  boost::asio::awaitable<std::optional<topology::probe_result>> ask_spare();
  boost::asio::awaitable<topology::probe_result> log_in(std::shared_ptr<role_connection> connection);
  boost::asio::awaitable<topology::probe_result> try_login(std::shared_ptr<role_connection> connection);
  std::shared_ptr<role_connection> make_connection();
  void note_clients(time_point now);
  void expedite();
  void start_fresh_login();
  void note_fresh_login(const topology::probe_result& result);
  void overlay_login_trouble(topology::probe_result& result) const;
  void deliver(topology::probe_result result);
  [[nodiscard]] bool is_shutdown(const role_connection& refused);
  [[nodiscard]] double random();

  boost::asio::io_context& context_;
  probe_options options_;
  const probe_target target_;
  const handlers report_;
  outcome_log log_;
  outcome_log login_log_;
  net::wait_point wait_point_;
  probe_schedule schedule_;
  time_point password_due_;        // the next fresh login shows it
  bool is_login_changed_ = false;  // since the last login began
  std::minstd_rand random_;
  std::shared_ptr<role_connection> open_;     // asked every interval
  std::shared_ptr<role_connection> opening_;  // the login that will be open_, while there is none
  std::shared_ptr<role_connection> fresh_;    // a login under way beside open_
  std::shared_ptr<role_connection> spare_;    // logged in beside open_; replaces it once it has answered
  std::optional<topology::probe_result> login_trouble_;  // why new logins do not work while open_ does
  std::uint64_t let_in_ = 0;                             // clients, until looked_at_
  time_point looked_at_ = time_point::min();
  bool is_shutting_down_ = false;            // and says so to everybody who logs in
  std::optional<time_point> refused_since_;  // with 57P03, while there was no open_
  bool is_stopped_ = false;
};

}  // namespace pgsteer::probe
