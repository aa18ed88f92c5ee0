// What one probe result costs the decision core with range(0) backends: recorded, decided, a snapshot made.
//
// Measured: topology::record(), decide() and the shared_ptr that workers get, as the control thread runs them
// after every probe: with answers that move positions only (Same), and with a standby that misses and answers
// by turns, so that nearly every snapshot is a new generation (Change). Not measured: the probe, the table of
// counters that goes with a snapshot, the log of a change, and the workers (publication_bench.cpp).
#include <benchmark/benchmark.h>

#include <memory>

#include "cluster_story.hpp"

namespace pgsteer::topology {
namespace {

// result_of(i) is the outcome of the i-th probe.
template <class ResultOf>
void run_probes(benchmark::State& state, ResultOf result_of) {
  const std::uint64_t before = result_of(0).generation;
  std::uint64_t i = 0;
  snapshot_ptr published;
  for (auto _ : state) {
    published = std::make_shared<const topology_snapshot>(result_of(++i));
    benchmark::DoNotOptimize(published);
  }
  state.counters["generations/iteration"] = benchmark::Counter(
      static_cast<double>(published->generation - before), benchmark::Counter::kAvgIterations);
}

void ProbeResultSame(benchmark::State& state) {
  const auto backends = static_cast<std::uint32_t>(state.range(0));
  bench::cluster_story story(backends);
  run_probes(state,
             [&](std::uint64_t i) { return story.answered(1 + static_cast<std::uint32_t>(i % backends)); });
}

void ProbeResultChange(benchmark::State& state) {
  const auto backends = static_cast<std::uint32_t>(state.range(0));
  bench::cluster_story story(backends);
  run_probes(state, [&](std::uint64_t i) {
    // The primary's proof has to be younger than role_ttl; it is one result in a thousand.
    if (i % 1000 == 0) return story.answered(1);
    return i % 2 == 0 ? story.answered(backends) : story.timed_out(backends);
  });
}

BENCHMARK(ProbeResultSame)->Arg(3)->Arg(10)->Arg(100);
BENCHMARK(ProbeResultChange)->Arg(3)->Arg(10)->Arg(100);

}  // namespace
}  // namespace pgsteer::topology
