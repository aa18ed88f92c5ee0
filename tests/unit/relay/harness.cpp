#include "unit/relay/harness.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

#include "support/eventually.hpp"

namespace pgsteer::relay::testing {

tested_engine::tested_engine(boost::asio::io_context& context, const relay_options& options,
                             metrics::relay_counters& counters)
    : stuck_bytes_max_(options.buffer_bytes) {
  auto made = loop::make(context, options, counters);
  if (!made) std::abort();
  loop_ = std::move(*made);
  flows_ = dynamic_cast<const flow_engine*>(&loop_->engine());
  if (dynamic_cast<const uring_engine*>(flows_) != nullptr)
    stuck_bytes_max_ = std::max(stuck_bytes_max_, uring_buffers::bytes_per_direction_max);
}

bool is_available(engine_choice choice) {
  static const bool has_io_uring = [] {
    const net::unique_fd extra_fd(::eventfd(0, EFD_CLOEXEC));
    metrics::relay_counters counters;
    return uring_engine::make(extra_fd.value(), {}, counters).has_value();
  }();
  return choice != engine_choice::io_uring || has_io_uring;
}

bool harness::run_until(const std::function<bool()>& claim) {
  const time_point give_up = clock::now() + test::patience;
  while (!claim()) {
    if (clock::now() > give_up) return false;
    if (!engine().step()) std::this_thread::yield();
  }
  return true;
}

std::size_t harness::fill(const net::unique_fd& from, std::string_view bytes) {
  constexpr std::size_t idle_rounds_that_show = 50;
  std::size_t sent = 0;
  std::size_t idle_rounds = 0;
  EXPECT_TRUE(run_until([&] {
    const std::size_t n = send_some(from, bytes.substr(sent % bytes.size()));
    sent += n;
    idle_rounds = n == 0 ? idle_rounds + 1 : 0;
    return idle_rounds >= idle_rounds_that_show && engine().stalled_flows() > 0;
  }));
  return sent;
}

std::string harness::receive(const net::unique_fd& from, std::size_t bytes) {
  std::string got;
  (void)run_until([&] {
    got += read_available(from, bytes - got.size());
    return got.size() == bytes;
  });
  return got;
}

std::string random_bytes(std::uint64_t seed, std::size_t length) {
  std::mt19937_64 source(seed);
  std::string bytes(length, '\0');
  for (std::size_t at = 0; at < length; at += 8) {
    const std::uint64_t word = source();
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, length - at));
  }
  return bytes;
}

}  // namespace pgsteer::relay::testing
