// The relay per engine, one thread playing both peers: a round trip (query, answer), and bulk to the client.
//
// What is counted is the relay's own work and the peers' system calls: four a round trip; for bulk one copy
// into the kernel and, over Unix sockets, one out of it. The bare cases leave the relay out, so the
// difference is the relay (for bulk, with the second hop). TCP is loopback: the network's softirq work is
// included. Not measured: waiting (no turn waits here), and peers on other cores.
#include <benchmark/benchmark.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "pgsteer/relay/loop.hpp"
#include "sockets.hpp"

namespace pgsteer::relay {
namespace {

// A short prepared query and a one-row answer.
constexpr std::size_t query_bytes = 60;
constexpr std::size_t answer_bytes = 120;
// Of one iteration: several times what all socket buffers on the way hold.
constexpr std::size_t bulk_bytes = 16 * 1024 * 1024;

class silent_owner final : public flow_owner {
 public:
  watch_verdict on_backend_bytes(byte_span) override { return watch_verdict::done; }
  void on_end(const flow_summary&) override {}
};

// What a worker runs, without its thread: a loop with sessions whose peers are the bench's.
struct relaying_worker {
  struct session {
    bench::socket_pair client;
    bench::socket_pair backend;
  };

  relaying_worker(const relay_options& options, std::size_t session_count, bench::pair_maker make_pair)
      : loop(std::move(loop::make(context, options, counters).value())), sessions(session_count) {
    for (session& made : sessions) {
      made = {make_pair(), make_pair()};
      (void)loop->engine().start({.client_fd = made.client.ours.value(),
                                  .backend_fd = made.backend.ours.value(),
                                  .owner = &owner,
                                  .to_backend = {},
                                  .to_client = {}});
    }
    while (loop->step(false)) {
    }
  }

  boost::asio::io_context context{1};
  metrics::relay_counters counters;
  silent_owner owner;
  std::unique_ptr<relay::loop> loop;
  std::vector<session> sessions;
};

bool is_denied(const relaying_worker& worker, engine_choice choice, benchmark::State& state) {
  if (choice != engine_choice::io_uring || worker.loop->engine().name() == "io_uring") return false;
  state.SkipWithError("this kernel denies io_uring");
  return true;
}

// range(0): sessions, each with one round trip per iteration.
void relay_round_trip(benchmark::State& state, engine_choice choice, bench::pair_maker make_pair) {
  relay_options options;
  options.engine = choice;
  relaying_worker worker(options, static_cast<std::size_t>(state.range(0)), make_pair);
  if (is_denied(worker, choice, state)) return;
  const std::uint64_t turns_before = worker.counters.turns.value();
  for (auto _ : state) {
    for (auto& now : worker.sessions) bench::send_all(now.client.theirs.value(), query_bytes);
    for (auto& now : worker.sessions) {
      while (!bench::try_receive(now.backend.theirs.value(), query_bytes)) worker.loop->step(false);
    }
    for (auto& now : worker.sessions) bench::send_all(now.backend.theirs.value(), answer_bytes);
    for (auto& now : worker.sessions) {
      while (!bench::try_receive(now.client.theirs.value(), answer_bytes)) worker.loop->step(false);
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["turns/iteration"] = benchmark::Counter(
      static_cast<double>(worker.counters.turns.value() - turns_before), benchmark::Counter::kAvgIterations);
}

void bare_round_trip(benchmark::State& state, bench::pair_maker make_pair) {
  bench::socket_pair client = make_pair();
  bench::socket_pair backend = make_pair();
  for (auto _ : state) {
    bench::send_all(client.theirs.value(), query_bytes);
    bench::require(bench::try_receive(client.ours.value(), query_bytes));
    bench::send_all(backend.theirs.value(), answer_bytes);
    bench::require(bench::try_receive(backend.ours.value(), answer_bytes));
  }
  state.SetItemsProcessed(state.iterations());
}

// One session, bulk_bytes from backend to client per iteration. range(0): splice.
void relay_bulk(benchmark::State& state, engine_choice choice, bench::pair_maker make_pair) {
  relay_options options;
  options.engine = choice;
  options.splice = state.range(0) != 0 ? toggle::on : toggle::off;
  relaying_worker worker(options, 1, make_pair);
  if (is_denied(worker, choice, state)) return;
  const int backend = worker.sessions.front().backend.theirs.value();
  const int client = worker.sessions.front().client.theirs.value();
  for (auto _ : state) {
    std::size_t to_send = bulk_bytes;
    for (std::size_t received = 0; received < bulk_bytes; received += bench::discard_some(client)) {
      to_send -= bench::send_some(backend, to_send);
      worker.loop->step(false);
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bulk_bytes));
}

void bare_bulk(benchmark::State& state, bench::pair_maker make_pair) {
  bench::socket_pair pair = make_pair();
  for (auto _ : state) {
    std::size_t to_send = bulk_bytes;
    for (std::size_t received = 0; received < bulk_bytes; received += bench::discard_some(pair.ours.value()))
      to_send -= bench::send_some(pair.theirs.value(), to_send);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bulk_bytes));
}

void RelayRoundTripUnix(benchmark::State& state) {
  relay_round_trip(state, engine_choice::epoll, bench::unix_pair);
}
void RelayRoundTripTcp(benchmark::State& state) {
  relay_round_trip(state, engine_choice::epoll, bench::tcp_pair);
}
void UringRoundTripUnix(benchmark::State& state) {
  relay_round_trip(state, engine_choice::io_uring, bench::unix_pair);
}
void UringRoundTripTcp(benchmark::State& state) {
  relay_round_trip(state, engine_choice::io_uring, bench::tcp_pair);
}
void BareRoundTripUnix(benchmark::State& state) {
  bare_round_trip(state, bench::unix_pair);
}
void BareRoundTripTcp(benchmark::State& state) {
  bare_round_trip(state, bench::tcp_pair);
}

void RelayBulkUnix(benchmark::State& state) {
  relay_bulk(state, engine_choice::epoll, bench::unix_pair);
}
void RelayBulkTcp(benchmark::State& state) {
  relay_bulk(state, engine_choice::epoll, bench::tcp_pair);
}
void UringBulkUnix(benchmark::State& state) {
  relay_bulk(state, engine_choice::io_uring, bench::unix_pair);
}
void UringBulkTcp(benchmark::State& state) {
  relay_bulk(state, engine_choice::io_uring, bench::tcp_pair);
}
void BareBulkUnix(benchmark::State& state) {
  bare_bulk(state, bench::unix_pair);
}
void BareBulkTcp(benchmark::State& state) {
  bare_bulk(state, bench::tcp_pair);
}

BENCHMARK(RelayRoundTripUnix)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(RelayRoundTripTcp)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(UringRoundTripUnix)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(UringRoundTripTcp)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(BareRoundTripUnix);
BENCHMARK(BareRoundTripTcp);

BENCHMARK(RelayBulkUnix)->ArgName("splice")->Arg(1)->Arg(0);
BENCHMARK(RelayBulkTcp)->ArgName("splice")->Arg(1)->Arg(0);
BENCHMARK(UringBulkUnix)->ArgName("splice")->Arg(1)->Arg(0);
BENCHMARK(UringBulkTcp)->ArgName("splice")->Arg(1)->Arg(0);
BENCHMARK(BareBulkUnix);
BENCHMARK(BareBulkTcp);

}  // namespace
}  // namespace pgsteer::relay
