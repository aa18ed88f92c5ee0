#include "clients/writers.hpp"

#include <thread>
#include <vector>

#include "clients/blocking_session.hpp"
#include "clients/record.hpp"

namespace pgsteer::bench {
namespace {

// Before the next login after a refusal: a pool that hammers would be the load, not the measure.
constexpr double retry_pause_seconds = 0.02;

void print_end(const conversation& talk) {
  json_line()
      .add("ended", now_seconds())
      .add("phase", to_string(talk.where()))
      .add("sqlstate", talk.reason().sqlstate)
      .add("error", talk.reason().text)
      .print();
}

class writer {
 public:
  writer(const client_options& options, std::uint64_t first_value)
      : options_(options), keys_(options.password), value_(first_value) {}

  void run() {
    while (!is_stopping) {
      blocking_session session(options_, keys_);
      if (session.open()) write_until_cut(session);
      if (session.talk().has_failed()) print_end(session.talk());
      sleep_until_seconds(now_seconds() + retry_pause_seconds);
    }
  }

 private:
  void write_until_cut(blocking_session& session) {
    while (!is_stopping) {
      const std::uint64_t value = value_++;
      const double sent = now_seconds();
      if (!session.ask(write_statement(options_, value))) return;
      json_line()
          .add("sent", sent)
          .add("finished", now_seconds())
          .add_count("value", value)
          .add("address", session.talk().answer())
          .add("sqlstate", session.talk().reason().sqlstate)
          .print();
      sleep_until_seconds(sent + options_.interval_seconds);
    }
  }

  const client_options& options_;
  scram_key_cache keys_;
  std::uint64_t value_;
};

}  // namespace

int run_writers(const client_options& options) {
  // Far enough apart that two writers never write the same value in one run.
  constexpr std::uint64_t values_each = 100'000;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.sessions; ++i)
    threads.emplace_back(
        [&options, first = options.first_value + i * values_each] { writer(options, first).run(); });
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace pgsteer::bench
