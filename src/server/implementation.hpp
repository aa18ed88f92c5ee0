#pragma once
// server::implementation: the whole proxy, wired; in five files: server.cpp (its life), and, of what is done
// to it while it runs, implementation_reload.cpp, implementation_succession.cpp, implementation_sessions.cpp
// and implementation_orders.cpp.
//
// Control thread, but for what says otherwise.
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pgsteer/fence/fence_memory.hpp"
#include "pgsteer/net/file_watch.hpp"
#include "pgsteer/runtime/publication.hpp"
#include "pgsteer/server/server.hpp"
#include "server/config_loader.hpp"
#include "server/drain.hpp"
#include "server/hand_over.hpp"
#include "server/listener_set.hpp"
#include "server/open_ports.hpp"
#include "server/service_manager.hpp"
#include "server/session_survey.hpp"
#include "server/stop_signals.hpp"
#include "server/successor_process.hpp"
#include "server/take_over.hpp"
#include "server/topology_keeper.hpp"
#include "server/views.hpp"
#include "server/worker.hpp"

namespace pgsteer::server {

// What sessions go by: as configured, but for what this host does not allow.
[[nodiscard]] runtime::options fit_to_host(const config::config& options);

// An answer over the control socket is a write to a socket of this host.
inline constexpr seconds telling_time{1};

[[nodiscard]] unsigned worker_count(const config::config& options);

// Members are in the order of their lives: workers end before what their sessions refer to.
class server::implementation {
 public:
  using on_reloaded = std::function<void(const admin::reload_report&)>;
  using on_upgraded = std::function<void(const admin::upgrade_report&)>;

  implementation(config::config options, config_source source);
  ~implementation();

  [[nodiscard]] result<void> start();
  int run(bool handle_signals);
  void request_stop();
  void request_reload(on_reloaded on_done);
  void request_upgrade(const std::string& binary, on_upgraded on_done);
  [[nodiscard]] endpoint bound_endpoint(std::string_view name) const;

  std::string failure_;

 private:
  // The state with this change.
  template <class Change>
  void publish(Change change) {
    runtime::state next = *publication_.newest();
    change(next);
    publication_.publish(std::move(next));
  }

  [[nodiscard]] result<void> make_workers();
  [[nodiscard]] result<void> start_workers();
  void open(open_ports::change ports);
  void end_workers();

  [[nodiscard]] admin::control_provider orders();
  [[nodiscard]] admin::admin_provider pages();
  [[nodiscard]] view_sources sources() const;

  void wait_for_signal();
  void on_stop_signal(int number);
  void begin_drain();
  void show_status();
  [[nodiscard]] drain::surroundings around_drain();
  void stop_control();
  // Once whoever has ordered it knows what has become of it.
  void stop_control_when_told(time_point deadline);
  void order_the_end();

  // implementation_reload.cpp
  void reload(on_reloaded on_done);
  // Also what an operator's `pgsteer fence` has written.
  void reload_all(on_reloaded on_done);
  [[nodiscard]] admin::reload_report apply(loaded_config loaded);
  void take_in_options(const config::config& before, open_ports::change ports);
  void watch_files();
  void on_changed_files(const std::vector<std::string>& changed);

  // implementation_orders.cpp
  [[nodiscard]] admin::backend_order_report order_backend(const admin::backend_order& wanted);
  [[nodiscard]] admin::drain_report order_drain();

  // implementation_succession.cpp
  void upgrade(const std::string& binary, on_upgraded on_done);
  void give_up_successor_later();
  void tell_upgraded(const admin::upgrade_report& report);
  void tell_upgrade_impossible(std::string why);
  [[nodiscard]] std::string why_no_hand_over() const;
  [[nodiscard]] hand_over::surroundings around_hand_over();
  [[nodiscard]] take_over::surroundings around_take_over();
  [[nodiscard]] succession::offer make_offer() const;
  [[nodiscard]] std::string stop_accepting();
  void resume_accepting();
  // Errors: errc::cannot_start, with the reason in failure(). Nobody is there: it starts as usual.
  [[nodiscard]] result<void> meet_predecessor();
  [[nodiscard]] std::string what_is_missing() const;
  [[nodiscard]] std::vector<take_over::place> find_places(
      const std::vector<session::carried_session>& sessions) const;
  [[nodiscard]] bool would_end_at_once(const take_over::place& at) const;
  void take_back(std::vector<session::carried_session> sessions);

  // implementation_sessions.cpp
  using on_killed = std::function<void(const admin::kill_report&)>;
  void list_sessions(admin::session_list_taker taker);
  void kill_session(const std::string& id, on_killed on_done);
  void look_for_killed(session::session_id which, time_point until, on_killed on_done);
  [[nodiscard]] std::vector<std::string> why_sessions_may_be_missing(
      const session_survey::late_workers& late) const;

  config::config options_;  // as configured
  const config_source source_;
  const double start_time_seconds_;
  service_manager manager_{std::getenv("NOTIFY_SOCKET")};
  const time_point started_at_ = clock::now();
  int exit_code_ = 0;
  boost::asio::io_context context_{1};
  login::permit_pools permits_;
  session::cancel_registry cancels_;
  metrics::cancel_counters cancel_counters_;
  metrics::reload_counters reloads_;
  session::awaited_login awaited_;
  session::session_ids session_ids_;
  session::worker_shared shared_;
  topology_keeper keeper_;
  fence::fence_memory fence_memory_;
  runtime::publication publication_;  // outlives the workers, whose threads call it back
  listener_set listeners_;            // and so do the listeners, whose clients they serve
  std::vector<std::unique_ptr<worker>> workers_;
  session_survey survey_{context_, workers_};
  open_ports ports_;
  std::optional<open_ports::change> ports_to_open_;  // once the predecessor accepts nobody
  bool are_sockets_anothers_ = false;                // another process accepts from them
  bool are_sessions_left_ = false;                   // the successor did not want them
  bool is_stop_wanted_ = false;                      // once it is settled whose the sessions are
  config_loader loader_;
  net::file_watch files_;
  drain drain_;
  boost::asio::signal_set signals_;
  stop_signals stop_signals_;
  successor_process successor_;
  boost::asio::steady_timer successor_timer_{context_};
  on_upgraded on_upgraded_;
  boost::asio::steady_timer telling_timer_{context_};
  hand_over hand_over_;
  std::optional<take_over> take_over_;
};

}  // namespace pgsteer::server
