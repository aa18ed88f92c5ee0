// Reading a client's first packet: as startup_negotiation does it, and the StartupMessage's values behind it.
//
// Measured: whole packets that arrive in one read, which is how they come. Not measured: the read itself, the
// buffer, packets cut into pieces, and copying the values out of the packet.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "messages.hpp"
#include "pgsteer/pgwire/startup_message.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"

namespace pgsteer::pgwire {
namespace {

// One value that fills the packet to the last byte that is allowed.
std::string one_long_value() {
  auto parameters = bench::psql_parameters();
  parameters.emplace_back("options", "");
  const std::size_t spare = startup_packet_bytes_max - test::wire::startup_message(parameters).size();
  parameters.back().second = std::string(spare, 'x');
  return test::wire::startup_message(parameters);
}

// The same size in as many values as fit: the most work that a client can ask for in one packet.
std::string many_short_values() {
  auto parameters = bench::psql_parameters();
  std::size_t size = test::wire::startup_message(parameters).size();
  constexpr std::size_t pair_bytes = 4;  // a letter and a zero byte, twice
  for (; size + pair_bytes <= startup_packet_bytes_max; size += pair_bytes) parameters.emplace_back("x", "y");
  return test::wire::startup_message(parameters);
}

void StartupNegotiation(benchmark::State& state, const std::string& packet) {
  const byte_span bytes = as_bytes(packet);
  for (auto _ : state) {
    startup_negotiation negotiation;
    startup_step step = negotiation.consume(bytes);
    benchmark::DoNotOptimize(step);
    if (step.what != startup_step::kind::complete) std::abort();
    if (step.packet == packet_kind::ssl_request) negotiation.replied('N');
    benchmark::DoNotOptimize(negotiation);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(packet.size()));
}

void StartupParameters(benchmark::State& state, const std::string& packet) {
  const byte_span bytes = as_bytes(packet);
  for (auto _ : state) {
    auto message = parse_startup_message(bytes);
    benchmark::DoNotOptimize(message);
    if (!message) std::abort();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(packet.size()));
}

BENCHMARK_CAPTURE(StartupNegotiation, ssl_request, test::wire::ssl_request());
BENCHMARK_CAPTURE(StartupNegotiation, psql, bench::psql_startup_message());
BENCHMARK_CAPTURE(StartupNegotiation, one_long_value, one_long_value());
BENCHMARK_CAPTURE(StartupNegotiation, many_short_values, many_short_values());
BENCHMARK_CAPTURE(StartupParameters, psql, bench::psql_startup_message());
BENCHMARK_CAPTURE(StartupParameters, one_long_value, one_long_value());
BENCHMARK_CAPTURE(StartupParameters, many_short_values, many_short_values());

}  // namespace
}  // namespace pgsteer::pgwire
