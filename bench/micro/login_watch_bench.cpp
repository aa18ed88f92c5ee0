// Watching a login go by: AuthenticationOk to ReadyForQuery, as PostgreSQL 15 answers psql under trust.
//
// Measured: a login_watch from its making to logged_in, the copy of the cancel key included; range(0) is the
// size of the pieces the login comes in. Not measured: the relay that hands the pieces over, and SCRAM, whose
// three messages are skipped by their length.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "messages.hpp"
#include "pgsteer/pgwire/login_watch.hpp"

namespace pgsteer::pgwire {
namespace {

void LoginWatch(benchmark::State& state) {
  const std::string login = bench::login_answer();
  const auto piece_bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    login_watch watch({.refuse_hot_standby = true});
    auto now = login_watch::state::watching;
    for (byte_span left = as_bytes(login); !left.empty();) {
      const byte_span piece = left.first(std::min(piece_bytes, left.size()));
      now = watch.consume(piece);
      left = left.subspan(piece.size());
    }
    if (now != login_watch::state::logged_in) std::abort();
    benchmark::DoNotOptimize(watch);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(login.size()));
}

constexpr int whole_bytes = 64 * 1024;  // one read of the relay: more than the login has
BENCHMARK(LoginWatch)->ArgName("piece")->Arg(whole_bytes)->Arg(64);

}  // namespace
}  // namespace pgsteer::pgwire
