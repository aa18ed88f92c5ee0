#include "clients/oracle.hpp"

#include <algorithm>

#include "clients/blocking_session.hpp"
#include "clients/record.hpp"

namespace pgsteer::bench {
namespace {

constexpr double interval_seconds = 0.001;

struct attempt {
  double sent = 0;
  double answered = 0;
};

int give_up(const char* when, const conversation& talk) {
  json_line().add("error", talk.reason().text).add("when", when).print();
  return 1;
}

}  // namespace

int run_oracle(const client_options& options) {
  scram_key_cache keys(options.password);
  blocking_session session(options, keys);
  if (!session.open()) return give_up("login", session.talk());
  json_line().add("ready", now_seconds()).print();
  attempt last_refused;
  double widest_gap = 0;
  std::uint64_t attempts = 0;
  for (double next = now_seconds(); !is_stopping; next = std::max(next + interval_seconds, now_seconds())) {
    sleep_until_seconds(next);
    attempt now{now_seconds(), 0};
    const bool is_alive = session.ask(write_statement(options, options.first_value + attempts));
    now.answered = now_seconds();
    ++attempts;
    if (!is_alive) return give_up("write", session.talk());
    if (last_refused.answered > 0) widest_gap = std::max(widest_gap, now.answered - last_refused.answered);
    if (session.talk().reason().sqlstate.empty()) {
      json_line()
          .add("refused_at", last_refused.sent)
          .add("sent_at", now.sent)
          .add("accepted_at", now.answered)
          .add("widest_gap", widest_gap)
          .add("address", session.talk().answer())
          .add_count("attempts", attempts)
          .print();
      return last_refused.answered > 0 ? 0 : 1;
    }
    if (session.talk().reason().sqlstate != "25006") return give_up("write", session.talk());
    last_refused = now;
  }
  return 1;
}

}  // namespace pgsteer::bench
