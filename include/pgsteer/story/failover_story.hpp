#pragma once
// failover_story: measures the phases of a failover; tells it in the log and remembers it (history.hpp).
//
// first sign -> primary lost -> successor proven -> its promotion settled -> first rw login on it; beside
// that the end of the sessions on the old primary. That the primary was lost, and its successor proven, is
// told by topology_story. Decides nothing. Control thread.
//
// Flow: note_symptom(), note_answer(), note_decision(), note_login() as things happen; tick() now and then.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/runtime/state.hpp"
#include "pgsteer/story/history.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::story {

class failover_story {
 public:
  // Set before the first event.
  std::function<login_totals()> count_logins;
  // Asks the workers to report the first rw login there; note_login() is the report.
  std::function<void(topology::backend_id)> await_login;
  // What people go by; tests have their own.
  std::function<wall_time()> wall_clock = std::chrono::system_clock::now;

  enum class origin { session, login_or_probe };

  // Something suggests that this backend is being lost. what: a string literal, the log's "sign".
  void note_symptom(topology::backend_id id, origin from, std::string_view what, time_point now);
  // A question put to it at that time was answered: what sessions had suggested before was wrong.
  void note_answer(topology::backend_id id, time_point asked_at);
  void note_decision(const runtime::used_topology& published, time_point now);
  void note_login(time_point now);
  void tick(time_point now);

  [[nodiscard]] const metrics::failover_histograms& histograms() const noexcept { return histograms_; }
  [[nodiscard]] const story::history& history() const noexcept { return history_; }

 private:
  struct lost_primary {
    past_primary who;
    runtime::backend_use_ptr use;
    std::uint64_t sessions = 0;  // when it was lost
  };
  void remember_primary(const runtime::used_topology& published);
  void lose(time_point now);
  void prove(const topology::backend_status& successor, bool is_settling, time_point now);
  void settle(time_point now);
  void come_back(time_point now);

  std::optional<topology::backend_id> primary_;  // the one in use, or the last one that was
  lost_primary in_use_;                          // primary_
  lost_primary lost_;                            // the one lost last
  lost_primary closing_;                         // the one whose sessions are closing
  std::string new_address_;
  std::string_view symptom_;
  origin symptom_origin_ = origin::session;  // of the strongest since symptom_at_
  std::optional<time_point> symptom_at_;
  time_point last_symptom_at_;
  std::optional<time_point> lost_at_;
  std::optional<time_point> proven_at_;      // and the first login is awaited
  std::optional<time_point> settled_at_;     // the one proven then
  std::optional<time_point> closing_since_;  // the old primary has sessions yet
  time_point began_at_;
  login_totals before_;
  metrics::failover_histograms histograms_;
  story::history history_;
};

}  // namespace pgsteer::story
