// pgsteer_simulation: the decision core on a virtual clock, through histories of chaos, judged after every
// event.
//
// Usage: pgsteer_simulation [--seed N] [--histories N] [--events N] [--tail N]
//   Plays the histories of the seeds N, N + 1, ... with so many events each. Exit code 0: every invariant
//   held and was put to the test; 1: one broke, or the run was too tame to prove anything; 2: wrong
//   arguments. A failure prints its seed and its last events; --seed with --histories 1, or PGSTEER_SEED,
//   plays it again.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>

#include "simulation/run.hpp"

namespace pgsteer::simulation {
namespace {

struct arguments {
  std::uint64_t seed = 1;
  std::uint64_t histories = 20;
  std::uint64_t events = 50'000;  // a history
  std::uint64_t tail = 40;        // lines that a failure prints
};

// Everything worth proving happens in so many histories; below it counts are not demanded.
constexpr std::uint64_t histories_that_prove = 10;
constexpr std::uint64_t times_that_prove = 100;
// Every so many histories one is played again on another clock: I7.
constexpr std::uint64_t histories_per_replay = 20;

bool read_number(const char* text, std::uint64_t& value) {
  if (text == nullptr) return false;
  const std::string_view digits(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size();
}

bool read_arguments(int count, char** values, arguments& wanted) {
  if (read_number(std::getenv("PGSTEER_SEED"), wanted.seed)) wanted.histories = 1;
  const std::map<std::string_view, std::uint64_t*> known{{"--seed", &wanted.seed},
                                                         {"--histories", &wanted.histories},
                                                         {"--events", &wanted.events},
                                                         {"--tail", &wanted.tail}};
  for (int i = 1; i < count; i += 2) {
    const auto found = known.find(values[i]);
    if (found == known.end() || i + 1 == count || !read_number(values[i + 1], *found->second)) return false;
  }
  return true;
}

struct totals {
  coverage covered;
  run::trials tried;
  std::uint64_t watched = 0;
  std::uint64_t events = 0;

  void add(const run& done) {
    covered.add(done.covered());
    events += done.events();
    tried.restarts_with_mark += done.tried().restarts_with_mark;
    tried.restarts_without += done.tried().restarts_without;
    tried.pauses += done.tried().pauses;
    tried.deadlines += done.tried().deadlines;
    tried.meddled += done.tried().meddled;
    tried.marks_replaced += done.tried().marks_replaced;
    tried.hints += done.tried().hints;
    tried.announcements += done.tried().announcements;
    tried.orders += done.tried().orders;
    watched += done.watched();
  }
  [[nodiscard]] std::map<std::string_view, std::uint64_t> counts() const {
    std::map<std::string_view, std::uint64_t> counted{{"restarts with a mark", tried.restarts_with_mark},
                                                      {"restarts without", tried.restarts_without},
                                                      {"pauses", tried.pauses},
                                                      {"deadlines", tried.deadlines},
                                                      {"results shelved or doubled", tried.meddled},
                                                      {"marks replaced", tried.marks_replaced},
                                                      {"hints", tried.hints},
                                                      {"switchovers announced", tried.announcements},
                                                      {"operator's orders", tried.orders},
                                                      {"primaries lost and watched for", watched}};
    for (const auto& one : coverage::all()) counted[one.name] = covered.*one.counter;
    return counted;
  }
};

// I7: the clock's origin does not matter, only what passes on it.
bool is_same_on_another_clock(const arguments& wanted, std::uint64_t seed, const run& done) {
  const auto again = std::make_unique<run>(seed, time_point{} + std::chrono::hours{24 * 365 * 100});
  return again->play(wanted.events) && again->decisions_hash() == done.decisions_hash();
}

bool play(const arguments& wanted, std::uint64_t seed, totals& total) {
  const auto history = std::make_unique<run>(seed, time_point{} + seconds{1'000});
  const bool has_held = history->play(wanted.events);
  total.add(*history);
  if (!has_held) {
    std::printf("seed %llu: %s", static_cast<unsigned long long>(seed), history->report(wanted.tail).c_str());
    return false;
  }
  if (seed % histories_per_replay == 1 && !is_same_on_another_clock(wanted, seed, *history)) {
    std::printf("seed %llu: I7: on another clock the decisions differ\n",
                static_cast<unsigned long long>(seed));
    return false;
  }
  return true;
}

bool has_proven(const arguments& wanted, const totals& total) {
  bool is_enough = true;
  for (const auto& [name, times] : total.counts()) {
    std::printf("  %-28.*s %llu\n", static_cast<int>(name.size()), name.data(),
                static_cast<unsigned long long>(times));
    if (wanted.histories < histories_that_prove || times >= times_that_prove) continue;
    std::printf("too tame: %.*s\n", static_cast<int>(name.size()), name.data());
    is_enough = false;
  }
  return is_enough;
}

int simulate(const arguments& wanted) {
  totals total;
  const auto started = std::chrono::steady_clock::now();
  for (std::uint64_t seed = wanted.seed; seed < wanted.seed + wanted.histories; ++seed) {
    if (play(wanted, seed, total)) continue;
    std::printf("rerun with: pgsteer_simulation --histories 1 --events %llu --seed %llu\n",
                static_cast<unsigned long long>(wanted.events), static_cast<unsigned long long>(seed));
    return EXIT_FAILURE;
  }
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::printf("every invariant held: %llu events in %.1f s\n", static_cast<unsigned long long>(total.events),
              took);
  return has_proven(wanted, total) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace pgsteer::simulation

int main(int count, char** values) {
  pgsteer::simulation::arguments wanted;
  if (!pgsteer::simulation::read_arguments(count, values, wanted)) {
    std::fputs("usage: pgsteer_simulation [--seed N] [--histories N] [--events N] [--tail N]\n", stderr);
    return 2;
  }
  return pgsteer::simulation::simulate(wanted);
}
