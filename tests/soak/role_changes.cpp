// pgsteer_role_changes: no wrong-role route in a million scripted role changes.
//
// Usage: pgsteer_role_changes [--changes N] [--seed N] [--backends N]
//   A whole server in this process, asking at its shortest intervals; backends whose roles, timelines and
//   liveness change at random, faster than anybody can ask; logins through rw and ro all the while. A wrong
//   route is an rw login that was completed by a backend that was a standby when it took the startup packet,
//   or a primary behind a timeline that pgsteer knew of; an ro login that was completed by a primary which
//   pgsteer knew to be one before the client came; or either by a backend that pgsteer knew to be of another
//   cluster. Exit code 0: none, and every client was answered; 1: otherwise, or too few logins to prove
//   anything; 2: wrong arguments.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

#include "soak/role_changes_clients.hpp"
#include "soak/role_changes_script.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::soak {
namespace {

struct arguments {
  std::uint64_t changes = 1'000'000;
  std::uint64_t seed = 1;
  std::uint64_t backends = 5;
};

constexpr std::size_t threads_per_listener = 4;
// What the config file allows at the least.
constexpr milliseconds shortest_interval{50};
constexpr milliseconds shortest_burst_interval{5};
constexpr std::uint64_t changes_per_report = 100'000;
constexpr std::uint64_t changes_per_login_max = 200;  // fewer logins than that prove nothing
constexpr std::uint64_t changes_per_primary_max =
    100;  // and this of changes of the primary, most are of something else

bool read_number(std::string_view digits, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size() && value > 0;
}

bool read_arguments(int count, char** values, arguments& wanted) {
  const std::map<std::string_view, std::uint64_t*> known{
      {"--changes", &wanted.changes}, {"--seed", &wanted.seed}, {"--backends", &wanted.backends}};
  for (int i = 1; i < count; i += 2) {
    const auto found = known.find(values[i]);
    if (found == known.end() || i + 1 == count || !read_number(values[i + 1], *found->second)) return false;
  }
  return wanted.backends >= 2;
}

// Its backends freeze and leave all the time, so its deadlines are short.
void adjust(config::config& options) {
  test::hurry_probes(options);
  options.probe.interval = shortest_interval;
  options.probe.burst_interval = shortest_burst_interval;
  options.topology.role_ttl = topology::topology_options{}.role_ttl;
  options.topology.dead_after = topology::topology_options{}.dead_after;
  options.runtime.login.connect_timeout = milliseconds{500};
  for (auto& listener : options.runtime.listeners) listener.hold_timeout = seconds{2};
  options.runtime.listeners.at(1).policy.route = routing::target_session_attrs::standby;
}

// The stage: every backend and the script, on one thread.
class stage {
 public:
  explicit stage(const arguments& wanted)
      : changes_(wanted.changes), script_(context_, actors_, wanted.seed) {
    for (std::uint64_t i = 0; i < wanted.backends; ++i) {
      test::role_state role;
      role.is_in_recovery = i > 0;
      actors_.push_back(std::make_unique<scripted_backend>(context_, court, role));
    }
    thread_ = std::thread([this] { context_.run(); });
  }
  ~stage() {
    boost::asio::post(context_, [this] {
      for (const auto& actor : actors_) actor->stop();
    });
    work_.reset();
    thread_.join();
  }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  [[nodiscard]] std::vector<endpoint> addresses() const {
    std::vector<endpoint> all;
    for (const auto& actor : actors_) all.push_back(actor->address());
    return all;
  }

  // Plays the script to its end.
  void play() {
    std::atomic<bool> is_over{false};
    boost::asio::co_spawn(context_, role_script::play(script_, changes_),
                          [&is_over](std::exception_ptr escaped) {
                            if (escaped) std::rethrow_exception(escaped);
                            is_over = true;
                          });
    for (std::uint64_t told = 0; !is_over; std::this_thread::sleep_for(milliseconds{20})) {
      if (script_.changes() - told < changes_per_report) continue;
      told = script_.changes();
      std::printf("%llu changes\n", static_cast<unsigned long long>(told));
      std::fflush(stdout);
    }
  }
  [[nodiscard]] std::uint64_t changes() const { return script_.changes(); }

  judge court;

 private:
  const std::uint64_t changes_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  role_script::backends actors_;
  role_script script_;
  std::thread thread_;
};

std::string in_words(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, times] : counts) text += " " + name + "=" + std::to_string(times);
  return text.empty() ? " none" : text;
}

// True if the logins are as they must be.
bool report(const char* listener, const login_counts& counted, std::uint64_t changes) {
  const bool is_enough = counted.completed >= changes / changes_per_login_max;
  std::printf("%s: completed=%llu wrong:%s refused:%s unanswered=%llu longest_ms=%lld%s\n", listener,
              static_cast<unsigned long long>(counted.completed), in_words(counted.wrong).c_str(),
              in_words(counted.refused).c_str(), static_cast<unsigned long long>(counted.unanswered),
              static_cast<long long>(counted.longest.count()), is_enough ? "" : " TOO FEW TO PROVE ANYTHING");
  return is_enough && counted.wrong.empty() && counted.unanswered == 0;
}

void report_proxy(const test::test_proxy& proxy) {
  const std::string text = proxy.admin_get("/metrics").body;
  for (const char* name :
       {"pgsteer_logins_held_total", "pgsteer_logins_hold_expired_total", "pgsteer_login_retries_total",
        "pgsteer_stale_primary_refusals_total", "pgsteer_primary_changes_total", "pgsteer_probes_total"}) {
    std::printf("  %-38s %.0f\n", name, test::metric_in(text, name, {}));
  }
}

int soak(const arguments& wanted) {
  std::printf("seed %llu, %llu backends\n", static_cast<unsigned long long>(wanted.seed),
              static_cast<unsigned long long>(wanted.backends));
  stage on_stage(wanted);
  test::test_proxy proxy(on_stage.addresses(), adjust);
  if (!proxy.wait_for_backends(1, wanted.backends - 1)) {
    std::puts("pgsteer did not find its backends");
    return EXIT_FAILURE;
  }
  login_loops rw(proxy.rw(), read_write_login, on_stage.court, threads_per_listener);
  login_loops ro(proxy.ro(), read_only_login, on_stage.court, threads_per_listener);
  const auto began = clock::now();
  on_stage.play();
  const double took = std::chrono::duration<double>(clock::now() - began).count();
  rw.stop();
  ro.stop();
  const bool is_settled = proxy.wait_for_backends(1, wanted.backends - 1);
  const std::uint64_t changes = on_stage.changes();
  std::printf(
      "%llu changes in %.1f s, %.0f/s; pgsteer took in %llu answers; %llu startup packets came, %llu of "
      "them to a backend that must not serve them\n",
      static_cast<unsigned long long>(changes), took, static_cast<double>(changes) / took,
      static_cast<unsigned long long>(on_stage.court.ticks()),
      static_cast<unsigned long long>(on_stage.court.startups.load()),
      static_cast<unsigned long long>(on_stage.court.traps.load()));
  report_proxy(proxy);
  const bool is_rw_good = report("rw", rw.counts(), changes);
  const bool is_ro_good = report("ro", ro.counts(), changes);
  const double seen = test::metric_in(proxy.admin_get("/metrics").body, "pgsteer_primary_changes_total", {});
  const bool is_enough = seen >= static_cast<double>(changes) / changes_per_primary_max;
  if (!is_enough) std::puts("pgsteer saw too few changes of the primary to prove anything");
  if (!is_settled) std::puts("pgsteer did not find its backends again at the end");
  if (on_stage.court.traps == 0)
    std::puts("no login met a backend that must not serve it: nothing is proven");
  return is_rw_good && is_ro_good && is_settled && is_enough && on_stage.court.traps > 0 ? EXIT_SUCCESS
                                                                                         : EXIT_FAILURE;
}

}  // namespace
}  // namespace pgsteer::soak

int main(int count, char** values) {
  pgsteer::soak::arguments wanted;
  if (!pgsteer::soak::read_arguments(count, values, wanted)) {
    std::fputs("usage: pgsteer_role_changes [--changes N] [--seed N] [--backends N (2 or more)]\n", stderr);
    return 2;
  }
  return pgsteer::soak::soak(wanted);
}
