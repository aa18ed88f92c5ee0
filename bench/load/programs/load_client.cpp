// The load: load_client --ip IP --port PORT [--small N] [--bulk-out N] [--bulk-in N] [--idle N] [--stalled N]
//                       [--logins N] [--seconds S] [--warmup S] [--blocks N] [--at-once N] [--slowest N]
//
// One thread, one epoll set. Opens its sessions, says {"ready"} and waits for a line on standard input; warms
// up, says {"began"}; after --seconds says {"ended", ...} with what it counted; keeps its sessions until its
// input ends. If --blocks bounds the bulk queries, it begins before it asks them, without warming up, and
// ends once every one is done. Any error of any session ends the program with exit code 1.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <stdexcept>

#include "clients/record.hpp"
#include "programs/load_session.hpp"

namespace pgsteer::bench {
namespace {

// A bulk query without a bound: 1 PiB.
constexpr std::uint64_t blocks_without_end = std::uint64_t{1} << 32U;
// Against a clock read at each turn: how often the end of an interval is looked for while nothing happens.
constexpr int tick_ms = 10;

struct client_arguments {
  std::map<std::string, double> numbers{{"--port", 0},    {"--small", 0},    {"--bulk-out", 0},
                                        {"--bulk-in", 0}, {"--idle", 0},     {"--stalled", 0},
                                        {"--logins", 0},  {"--seconds", 1},  {"--warmup", 0.2},
                                        {"--blocks", 0},  {"--at-once", 64}, {"--slowest", 1}};
  std::string ip;

  [[nodiscard]] std::size_t count(const std::string& name) const {
    return static_cast<std::size_t>(numbers.at(name));
  }
};

client_arguments read_arguments(int argc, char** argv) {
  client_arguments found;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--ip")
      found.ip = argv[i + 1];
    else
      found.numbers.at(name) = std::stod(argv[i + 1]);
  }
  return found;
}

class load_client {
 public:
  explicit load_client(const client_arguments& arguments) : arguments_(arguments) {
    run_.ip = arguments.ip;
    run_.port = static_cast<std::uint16_t>(arguments.count("--port"));
    run_.blocks = arguments.count("--blocks");
    if (run_.blocks == 0) run_.blocks = blocks_without_end;
    add(traffic_kind::idle, "--idle");
    add(traffic_kind::stalled, "--stalled");
    add(traffic_kind::small, "--small");
    add(traffic_kind::bulk_out, "--bulk-out");
    add(traffic_kind::bulk_in, "--bulk-in");
    kept_open_ = sessions_.size();
    add(traffic_kind::login, "--logins");
  }

  void measure() {
    open_all();
    json_line().add_count("ready", kept_open_).print();
    wait_for_a_line();
    if (is_bounded())
      run_until_done();
    else
      run_for_seconds();
    wait_for_a_line();
  }

 private:
  void add(traffic_kind kind, const std::string& name) {
    for (std::size_t i = 0; i < arguments_.count(name); ++i) sessions_.emplace_back(run_, kind);
  }

  [[nodiscard]] bool is_bounded() const { return arguments_.count("--blocks") > 0; }

  static void wait_for_a_line() {
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n') {
    }
  }

  void turn(int timeout) {
    for (const epoll_event& event : run_.events.wait(timeout))
      static_cast<load_session*>(event.data.ptr)->on_event(event.events);
  }

  // A window of --at-once logins: a crowd larger than a proxy's limit on pending logins is another load.
  void open_all() {
    std::size_t opened = 0;
    std::size_t ready = 0;
    while (ready < kept_open_) {
      while (opened < kept_open_ && opened - ready < arguments_.count("--at-once"))
        sessions_[opened++].open();
      turn(-1);
      while (ready < opened && sessions_[ready].is_ready()) ++ready;
    }
  }

  void go() {
    for (load_session& one : sessions_) one.go();
  }

  void run_until(double end) {
    while (now_seconds() < end) turn(tick_ms);
  }

  void run_for_seconds() {
    go();
    run_until(now_seconds() + arguments_.numbers.at("--warmup"));
    begin();
    run_until(began_ + arguments_.numbers.at("--seconds"));
    end();
  }

  void run_until_done() {
    begin();
    go();
    const std::size_t queries = arguments_.count("--bulk-out") + arguments_.count("--bulk-in");
    while (run_.bulk_queries_done < queries) turn(-1);
    end();
  }

  void begin() {
    run_.latencies.clear();
    run_.bulk_out_bytes = run_.bulk_in_bytes = 0;
    began_ = now_seconds();
    json_line().add("began", began_).print();
  }

  void end() const {
    const double ended = now_seconds();
    json_line()
        .add("ended", ended)
        .add("seconds", ended - began_)
        .add_count("count", run_.latencies.count())
        .add_count("bulk_out_bytes", run_.bulk_out_bytes)
        .add_count("bulk_in_bytes", run_.bulk_in_bytes)
        .add("p50_us", run_.latencies.quantile_seconds(0.5) * 1e6)
        .add("p99_us", run_.latencies.quantile_seconds(0.99) * 1e6)
        .add("p999_us", run_.latencies.quantile_seconds(0.999) * 1e6)
        .add("max_us", run_.latencies.quantile_seconds(1) * 1e6)
        .add("slowest_us", slowest_seconds() * 1e6)
        .print();
  }

  // Of the answer that --slowest - 1 others were slower than.
  [[nodiscard]] double slowest_seconds() const {
    const auto answers = static_cast<double>(run_.latencies.count());
    const double rank = arguments_.numbers.at("--slowest");
    return answers < rank ? 0 : run_.latencies.quantile_seconds(1 - (rank - 1) / answers);
  }

  client_arguments arguments_;
  load_run run_;
  std::deque<load_session> sessions_;
  std::size_t kept_open_ = 0;
  double began_ = 0;
};

}  // namespace
}  // namespace pgsteer::bench

int main(int argc, char** argv) {
  try {
    pgsteer::bench::load_client(pgsteer::bench::read_arguments(argc, argv)).measure();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load_client: unknown argument or no number: %s\n", error.what());
    return 2;
  }
}
