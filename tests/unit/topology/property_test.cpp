// Invariants over random histories. A failure prints its seed; PGSTEER_SEED=<number> runs that one history,
// and the same seed always gives the same history.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "unit/topology/history.hpp"
#include "unit/topology/witness.hpp"

namespace pgsteer::topology::testing {
namespace {

constexpr std::uint64_t histories = 200;
constexpr std::uint64_t events_per_history = 5'000;  // 200 * 5,000 = 10^6 events

// Shorter than the defaults, so that a history of a few minutes sees knowledge age and backends die.
topology_options short_times(std::uint64_t seed) {
  const system_identifier configured{seed % 2 == 0 ? our_system : 0};
  return {.system = configured, .role_ttl = seconds{1}, .dead_after = seconds{4}};
}

struct run_result {
  std::string broken;  // empty: every invariant held
  std::size_t decisions_hash = 0;
  witness::coverage covered;
};

class run {
 public:
  run(std::uint64_t seed, time_point start)
      : cluster_(seed, start), decider_(short_times(seed)), witness_(cluster_, short_times(seed)) {
    name_backends();
  }

  run_result play() {
    run_result result;
    for (std::uint64_t event = 0; event < events_per_history; ++event) {
      const std::string broken = step(result.decisions_hash);
      if (broken.empty()) continue;
      result.broken = broken + " (event " + std::to_string(event) + ")";
      break;
    }
    result.covered = witness_.covered();
    return result;
  }

 private:
  std::string step(std::size_t& hash) {
    const simulated_event event = cluster_.step();
    tell(event);
    witness_.note(event);
    if (event.what == simulated_event::kind::forget) name_backends();
    const topology_snapshot snapshot = decider_.decide(cluster_.now());
    if (witness_.has_seen_a_primary()) cluster_.allow_strangers();
    for (const backend_status& status : snapshot.backends) {
      hash = hash * 31 + std::hash<std::string>{}(status.reason) + static_cast<std::size_t>(status.role);
    }
    hash = hash * 31 + snapshot.generation;
    return witness_.check(event, snapshot, decider_.next_deadline());
  }

  void tell(const simulated_event& event) {
    switch (event.what) {
      case simulated_event::kind::result:
        return decider_.record(event.id, event.result, cluster_.now());
      case simulated_event::kind::pause:
        return decider_.note_pause(cluster_.now());
      case simulated_event::kind::membership:
        return decider_.set_backends(cluster_.named(), cluster_.now());
      case simulated_event::kind::forget:
        return decider_.forget(cluster_.backends()[event.backend].id);
      case simulated_event::kind::hidden:
        return;
    }
  }

  // A forgotten backend comes back under a new id, as if discovery had named its address again.
  void name_backends() {
    for (simulated_backend& backend : cluster_.backends()) {
      if (!is_known(backend.id)) backend.is_named = true;
    }
    decider_.set_backends(cluster_.named(), cluster_.now());
    for (const backend_status& status : decider_.decide(cluster_.now()).backends) {
      for (simulated_backend& backend : cluster_.backends()) {
        if (backend.spec.address == status.address) backend.id = status.id;
      }
    }
  }

  bool is_known(backend_id id) { return decider_.decide(cluster_.now()).find(id) != nullptr; }

  simulated_cluster cluster_;
  class topology decider_;
  witness witness_;
};

TEST(RandomHistories, HoldTheInvariants) {
  const char* const wanted = std::getenv("PGSTEER_SEED");
  const std::uint64_t first = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1;
  witness::coverage total;
  for (std::uint64_t seed = first; seed < first + (wanted != nullptr ? 1 : histories); ++seed) {
    const run_result result = run(seed, time_point{} + seconds{1000}).play();
    ASSERT_EQ(result.broken, "") << "rerun with PGSTEER_SEED=" << seed;
    total.rw_eligible += result.covered.rw_eligible;
    total.ro_eligible += result.covered.ro_eligible;
    total.must_be_eligible += result.covered.must_be_eligible;
    total.fenced += result.covered.fenced;
    total.foreign += result.covered.foreign;
    total.dead += result.covered.dead;
    total.rivals += result.covered.rivals;
    total.primary_changes += result.covered.primary_changes;
  }
  for (const auto& [what, times] : {std::pair{"rw_eligible", total.rw_eligible},
                                    {"ro_eligible", total.ro_eligible},
                                    {"must_be_eligible", total.must_be_eligible},
                                    {"fenced", total.fenced},
                                    {"foreign", total.foreign},
                                    {"dead", total.dead},
                                    {"rivals", total.rivals},
                                    {"primary_changes", total.primary_changes}}) {
    RecordProperty(what, std::to_string(times));
    if (wanted == nullptr) {
      EXPECT_GT(times, 1000U) << what;
    }
  }
}

// Invariant I7: the clock's origin does not matter, only what passes on it.
TEST(RandomHistories, DoNotDependOnTheTimeOfDay) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const run_result early = run(seed, time_point{} + seconds{1}).play();
    const run_result late = run(seed, time_point{} + std::chrono::hours{24 * 365 * 100}).play();
    EXPECT_EQ(early.decisions_hash, late.decisions_hash) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pgsteer::topology::testing
