#include "unit/relay/harness.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace pgsteer::relay::testing {

bool harness::run_until(const std::function<bool()>& claim) {
  const time_point give_up = clock::now() + seconds{60};
  while (!claim()) {
    if (clock::now() > give_up) return false;
    context.restart();
    context.run_one_for(milliseconds{1});
  }
  return true;
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
