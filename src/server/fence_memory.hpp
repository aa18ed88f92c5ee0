#pragma once
// fence_memory: what cluster.state_dir keeps of the fence while pgsteer runs; does nothing without a
// state_dir.
//
// Decides nothing: what a mark means is topology's. Control thread; a thread of its own writes, since a slow
// disk must not delay a failover.
//
// Flow: recall() before the first probe -> keep(mark) at every change; reread() at SIGHUP.
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <string>

#include "pgsteer/topology/topology.hpp"

namespace pgsteer::server {

class fence_memory {
 public:
  using on_mark = std::function<void(const std::optional<topology::fence_mark>&)>;

  // handler: gets what is read. named: cluster.system_identifier, 0 if it names none.
  fence_memory(std::string state_dir, topology::system_identifier named, on_mark handler);
  // Waits until the last mark is on disk.
  ~fence_memory() = default;

  // Why the state_dir cannot be used, or nothing. The operator relies on it: there is no start without it.
  [[nodiscard]] std::string recall();
  void keep(const topology::fence_mark& mark);
  // By an operator's `pgsteer fence`: what the file says now counts. A file that cannot be read changes
  // nothing.
  void reread();

 private:
  void take(const std::optional<topology::fence_mark>& mark);

  const std::string state_dir_;
  const topology::system_identifier named_;
  on_mark handler_;
  std::optional<boost::asio::thread_pool> writer_;  // one thread, once the folder has proved usable
};

}  // namespace pgsteer::server
