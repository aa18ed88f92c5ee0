#pragma once
// The truth behind a random history: backends that crash, freeze, are cut off, promoted, demoted, cloned and
// replaced by strangers, and probes whose results come late, out of order or twice.
//
// It knows nothing of topology's rules: it plays PostgreSQL, the network and discovery. Deterministic per
// seed.
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "pgsteer/topology/topology.hpp"

namespace pgsteer::topology::testing {

struct simulated_backend {
  backend_spec spec;
  backend_id id;  // as topology named it; set by the driver
  bool is_named = true;
  bool is_running = true;
  bool is_reachable = true;  // neither cut off nor frozen
  bool is_starting = false;
  bool is_login_hung = false;
  bool is_probe_welcome = true;  // credentials are right and a slot is free
  bool is_ours = true;
  bool is_in_recovery = true;
  std::uint32_t timeline = 1;
  std::uint64_t lsn = 1000;

  std::optional<time_point>
      last_primary_at;    // the last instant at which it truly was a running primary of ours
  time_point changed_at;  // the last true change of anything above but lsn

  [[nodiscard]] bool is_true_primary() const { return is_running && is_ours && !is_in_recovery; }
};

// What one step showed to pgsteer.
struct simulated_event {
  enum class kind { result, pause, membership, forget, hidden } what = kind::hidden;
  std::size_t backend = 0;  // index; result and forget
  backend_id id;            // result: of the backend when it was asked; it may have been forgotten since
  probe_result result;
};

class simulated_cluster {
 public:
  // Strangers appear only if allow_strangers() has been called.
  simulated_cluster(std::uint64_t seed, time_point start);

  [[nodiscard]] simulated_event step();
  void allow_strangers() { has_strangers_ = true; }

  [[nodiscard]] std::vector<simulated_backend>& backends() { return backends_; }
  [[nodiscard]] const std::vector<simulated_backend>& backends() const { return backends_; }
  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] std::vector<backend_spec> named() const;
  // True changes, cuts and restarts so far: what role changes may be blamed on.
  [[nodiscard]] std::uint64_t disturbances() const { return disturbances_; }

 private:
  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }
  bool happens(std::uint64_t percent) { return pick(100) < percent; }
  void pass(duration time);
  simulated_event probe();
  simulated_event deliver(std::size_t index);
  [[nodiscard]] probe_result ask(const simulated_backend& backend, time_point sent_at);
  [[nodiscard]] role_answer answer_of(const simulated_backend& backend);
  simulated_event disturb();
  void change_role(simulated_backend& backend);
  void change_health(simulated_backend& backend);
  void replace(simulated_backend& backend);
  void mend(simulated_backend& backend);
  [[nodiscard]] std::uint32_t highest_timeline() const;

  std::mt19937_64 random_;
  time_point now_;
  std::vector<simulated_backend> backends_;
  std::vector<simulated_event> in_flight_;
  bool has_strangers_ = false;
  std::uint64_t disturbances_ = 0;
  std::int64_t runs_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace pgsteer::topology::testing
