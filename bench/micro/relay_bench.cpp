// A relay round trip per engine: query in, answer out, the test playing both peers on the same thread.
//
// What is counted is the relay's own work and the four system calls of the peers; the bare case leaves the
// relay out, so the difference is the relay. TCP is loopback: the network's softirq work is included.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <memory>
#include <vector>

#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/engine.hpp"

namespace pgsteer::relay {
namespace {

// A short prepared query and a one-row answer.
constexpr std::size_t query_bytes = 60;
constexpr std::size_t answer_bytes = 120;

struct socket_pair {
  net::unique_fd ours;
  net::unique_fd theirs;
};

void require(bool holds) {
  if (!holds) std::abort();
}

socket_pair unix_pair() {
  int fds[2] = {-1, -1};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
  return {net::unique_fd(fds[0]), net::unique_fd(fds[1])};
}

socket_pair tcp_pair() {
  const net::unique_fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  require(::bind(listening.value(), generic, size) == 0 && ::listen(listening.value(), 1) == 0);
  require(::getsockname(listening.value(), generic, &size) == 0);
  net::unique_fd theirs(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(::connect(theirs.value(), generic, size) == 0);
  net::unique_fd ours(::accept4(listening.value(), nullptr, nullptr, SOCK_CLOEXEC));
  for (const int fd : {ours.value(), theirs.value()}) {
    const int on = 1;
    require(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    require(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  }
  return {std::move(ours), std::move(theirs)};
}

class silent_owner final : public flow_owner {
 public:
  watch_verdict on_backend_bytes(byte_span) override { return watch_verdict::done; }
  void on_end(const flow_summary&) override {}
};

void send_all(int fd, std::size_t bytes) {
  static const std::array<char, answer_bytes> zeros{};
  require(::send(fd, zeros.data(), bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes));
}

bool try_receive(int fd, std::size_t bytes) {
  std::array<char, 1024> sink;
  return ::recv(fd, sink.data(), sink.size(), 0) == static_cast<ssize_t>(bytes);
}

// range(0): sessions, each with one round trip per iteration.
void relay_round_trip(benchmark::State& state, engine_choice choice, socket_pair (*make_pair)()) {
  boost::asio::io_context context{1};
  metrics::relay_counters counters;
  relay_options options;
  options.engine = choice;
  auto engine = std::move(make_engine(context, options, counters).value());
  if (choice == engine_choice::io_uring && engine->name() != "io_uring")
    return state.SkipWithError("this kernel denies io_uring");
  silent_owner owner;
  struct session {
    socket_pair client;
    socket_pair backend;
  };
  std::vector<session> sessions(static_cast<std::size_t>(state.range(0)));
  for (session& made : sessions) {
    made = {make_pair(), make_pair()};
    (void)engine->start({.client_fd = made.client.ours.value(),
                         .backend_fd = made.backend.ours.value(),
                         .owner = &owner,
                         .to_backend = {},
                         .to_client = {}});
  }
  context.poll();
  const std::uint64_t turns_before = counters.turns.value();
  for (auto _ : state) {
    for (session& now : sessions) send_all(now.client.theirs.value(), query_bytes);
    for (session& now : sessions) {
      while (!try_receive(now.backend.theirs.value(), query_bytes)) context.run_one();
    }
    for (session& now : sessions) send_all(now.backend.theirs.value(), answer_bytes);
    for (session& now : sessions) {
      while (!try_receive(now.client.theirs.value(), answer_bytes)) context.run_one();
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["turns/iteration"] = benchmark::Counter(
      static_cast<double>(counters.turns.value() - turns_before), benchmark::Counter::kAvgIterations);
}

void bare_round_trip(benchmark::State& state, socket_pair (*make_pair)()) {
  socket_pair client = make_pair();
  socket_pair backend = make_pair();
  for (auto _ : state) {
    send_all(client.theirs.value(), query_bytes);
    require(try_receive(client.ours.value(), query_bytes));
    send_all(backend.theirs.value(), answer_bytes);
    require(try_receive(backend.ours.value(), answer_bytes));
  }
  state.SetItemsProcessed(state.iterations());
}

void RelayRoundTripUnix(benchmark::State& state) {
  relay_round_trip(state, engine_choice::epoll, unix_pair);
}
void RelayRoundTripTcp(benchmark::State& state) {
  relay_round_trip(state, engine_choice::epoll, tcp_pair);
}
void UringRoundTripUnix(benchmark::State& state) {
  relay_round_trip(state, engine_choice::io_uring, unix_pair);
}
void UringRoundTripTcp(benchmark::State& state) {
  relay_round_trip(state, engine_choice::io_uring, tcp_pair);
}
void BareRoundTripUnix(benchmark::State& state) {
  bare_round_trip(state, unix_pair);
}
void BareRoundTripTcp(benchmark::State& state) {
  bare_round_trip(state, tcp_pair);
}

BENCHMARK(RelayRoundTripUnix)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(RelayRoundTripTcp)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(UringRoundTripUnix)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(UringRoundTripTcp)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(BareRoundTripUnix);
BENCHMARK(BareRoundTripTcp);

}  // namespace
}  // namespace pgsteer::relay
