#pragma once
// topology_keeper: runs discovery and probes, feeds topology and attention, hands every snapshot on.
//
// Decides nothing itself: who is what is topology's, whom to probe when is attention's. Lives on the control
// thread, but for note_hint(), which any thread may call.
//
// Flow: start() -> on_publish(snapshot, and how its backends are used) after whatever has changed a verdict
// or how long it is good for, and within a third of a second after what has changed figures alone -> stop().
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "pgsteer/config/config.hpp"
#include "pgsteer/discovery/source.hpp"
#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/probe/prober.hpp"
#include "pgsteer/runtime/state.hpp"
#include "pgsteer/story/failover_story.hpp"
#include "pgsteer/topology/attention.hpp"
#include "pgsteer/topology/topology.hpp"

namespace pgsteer::server {

class topology_keeper {
 public:
  using on_publish = std::function<void(const runtime::used_topology&)>;
  using on_mark = std::function<void(const topology::fence_mark&)>;

  // on_mark: what a restart should know has changed.
  topology_keeper(boost::asio::io_context& context, const config::config& options, on_publish handler,
                  on_mark mark_handler);

  // Begins where another process is; before start().
  void resume(const topology::recollection& past);
  void start();
  void stop();
  // Some probe of it has ended, in whatever way.
  [[nodiscard]] bool has_asked(topology::backend_id id) const { return asked_.contains(id.value); }
  [[nodiscard]] topology::recollection recollect() const { return topology_.recollect(); }
  // Backends that discovery names no more are kept, also without a session: those are on their way.
  void keep_left_backends(bool is_wanted) noexcept { are_left_kept_ = is_wanted; }
  // What differs takes its effect at once; what is known of the backends stays. before: what it goes by now.
  // First rename_cluster(), then what is remembered of that cluster may be told, then change_options(), which
  // decides and publishes.
  void rename_cluster(const topology::topology_options& next);
  void change_options(const config::config& before, const config::config& next);
  [[nodiscard]] std::optional<topology::fence_mark> mark() const { return topology_.mark(); }
  // What the probes log in with has changed in its files.
  void renew_logins() { prober_->renew_logins(); }
  // What an earlier process knew, or the operator's word: see topology::replace_mark().
  void remember(const std::optional<topology::fence_mark>& mark);
  void note_hint(topology::backend_id id, topology::hint noticed);
  // The operator's about one backend; nothing takes back what there is.
  void order(topology::backend_id id, const std::optional<topology::operator_order>& wanted);

  [[nodiscard]] story::failover_story& story() noexcept { return story_; }
  [[nodiscard]] const story::failover_story& story() const noexcept { return story_; }
  [[nodiscard]] std::vector<discovery::watch_figures> discovery_figures() const { return source_->figures(); }
  [[nodiscard]] std::string own_zone() const { return source_->own_zone(); }
  [[nodiscard]] const metrics::probe_counters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::uint64_t primary_changes() const noexcept { return primary_changes_; }
  // When the last change came, or the first primary, in seconds since the Unix epoch; 0 before that.
  [[nodiscard]] double primary_since_seconds() const noexcept { return primary_since_seconds_; }

 private:
  void start_source();
  void change_source(discovery::discovery_options options, const discovery::zone_option& zone);
  void on_discovered(const std::vector<discovery::discovered_backend>& backends);
  void on_discovery_hint(const discovery::discovered_backend& backend, discovery::notice noticed);
  void note_deletion(topology::backend_id id, const discovery::discovered_backend& backend);
  void on_switchover(const std::optional<discovery::switchover>& announced);
  void on_probed(topology::backend_id id, const topology::probe_result& result);
  void note_free(topology::backend_id id, int connections);
  [[nodiscard]] topology::probe_result with_own_sessions(topology::backend_id id,
                                                         topology::probe_result result) const;
  void on_late(topology::backend_id id, time_point sent_at);
  void carry_out(const topology::orders& wanted);
  void resume(duration stood_still);
  [[nodiscard]] probe::probe_callbacks probe_callbacks();
  void decide();
  void publish(topology::topology_snapshot snapshot);
  void hand_on(time_point now);
  void hand_on_mark();
  void schedule_deadline();
  void schedule_tick();
  void ask_for_room();
  void forget_left_backends();

  boost::asio::io_context& context_;
  on_publish handler_;
  on_mark mark_handler_;
  std::optional<topology::fence_mark> marked_;  // what mark_handler_ was told last
  topology::topology topology_;
  topology::attention attention_;
  std::unique_ptr<discovery::source> source_;
  std::unique_ptr<probe::prober> prober_;
  boost::asio::steady_timer deadline_timer_;
  boost::asio::steady_timer tick_timer_;
  runtime::used_topology published_;
  std::set<std::uint32_t> asked_;  // by backend_id
  bool are_left_kept_ = false;
  bool were_too_many_ = false;    // of the last set that was discovered
  bool are_figures_due_ = false;  // the workers have all of published_ but its latest figures
  time_point handed_on_at_{};
  story::failover_story story_;
  std::map<std::uint32_t, runtime::backend_use_ptr> uses_;  // by backend_id
  metrics::probe_counters counters_;
  std::uint64_t primary_changes_ = 0;
  double primary_since_seconds_ = 0;
  std::optional<topology::backend_id> last_primary_;
};

}  // namespace pgsteer::server
