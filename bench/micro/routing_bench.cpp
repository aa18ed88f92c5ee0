// One routing decision: routing::choose() on a snapshot of range(0) backends, one of them the primary.
//
// Measured: the pure decision, every backend healthy, nothing tried before. Not measured: what
// worker_context::choose() adds, which reads the clock and copies the session counts into a vector, and the
// caches, which are warm here and may not be at a real login.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <vector>

#include "cluster_story.hpp"
#include "pgsteer/routing/choose.hpp"

namespace pgsteer::routing {
namespace {

void Choose(benchmark::State& state, target_session_attrs route, balance how) {
  const auto backends = static_cast<std::uint32_t>(state.range(0));
  const topology::topology_snapshot snapshot = bench::cluster_story(backends).answered(1);
  if (!snapshot.rw_valid_until || !snapshot.backends.back().is_ro_eligible) std::abort();
  route_policy policy;
  policy.route = route;
  policy.balance = how;
  policy.replay_lag_bytes_max = 16 * 1024 * 1024;
  std::vector<std::uint32_t> sessions;
  // Uneven, with several that have the fewest.
  for (std::uint32_t i = 0; i < backends; ++i) sessions.push_back(100 + i % 7);
  std::uint64_t ticket = 0;
  for (auto _ : state) {
    choice chosen = choose({.snapshot = snapshot,
                            .policy = policy,
                            .sessions = sessions,
                            .tried = {},
                            .ticket = ticket++,
                            .now = *snapshot.rw_valid_until});
    benchmark::DoNotOptimize(chosen);
  }
  state.SetItemsProcessed(state.iterations());
}

constexpr auto primary = target_session_attrs::primary;
constexpr auto prefer_standby = target_session_attrs::prefer_standby;
BENCHMARK_CAPTURE(Choose, primary, primary, balance::round_robin)->Arg(3)->Arg(10)->Arg(100);
BENCHMARK_CAPTURE(Choose, prefer_standby_round_robin, prefer_standby, balance::round_robin)
    ->Arg(3)
    ->Arg(10)
    ->Arg(100);
BENCHMARK_CAPTURE(Choose, prefer_standby_least_sessions, prefer_standby, balance::least_sessions)
    ->Arg(3)
    ->Arg(10)
    ->Arg(100);

}  // namespace
}  // namespace pgsteer::routing
