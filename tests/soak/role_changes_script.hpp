#pragma once
// The script of the soak test role_changes: failovers, switchovers, split brains, old primaries that come
// back, standbys left behind, addresses given to another cluster, freezes; as fast as it can, from one seed.
//
// Stage's thread only, but for changes().
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "soak/role_changes_backend.hpp"

namespace pgsteer::soak {

class role_script {
 public:
  using backends = std::vector<std::unique_ptr<scripted_backend>>;

  role_script(boost::asio::io_context& context, backends& actors, std::uint64_t seed);

  // Until so many changes are made; then the cluster is set in order.
  [[nodiscard]] static boost::asio::awaitable<void> play(role_script& self, std::uint64_t changes);
  // Changes of one backend's role, timeline or liveness so far. Any thread.
  [[nodiscard]] std::uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }
  [[nodiscard]] scripted_backend& any();
  [[nodiscard]] scripted_backend* newest_primary() const;
  void act();
  void promote(scripted_backend& who);
  void demote(scripted_backend& who);
  void follow();
  void lose_signal(scripted_backend& who);
  void stop_or_start(scripted_backend& who);
  void freeze_or_thaw(scripted_backend& who);
  void give_away(scripted_backend& who);
  void set_in_order();
  void change(scripted_backend& who, const test::role_state& role, bool restarts);

  boost::asio::io_context& context_;
  backends& actors_;
  std::mt19937_64 random_;
  std::uint32_t highest_ = 1;
  std::uint64_t lsn_ = 0x5'000'000;
  std::atomic<std::uint64_t> changes_{0};
};

}  // namespace pgsteer::soak
