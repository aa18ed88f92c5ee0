#pragma once
// fence_memory: what cluster.state_dir keeps of the fence while pgsteer runs; does nothing without a
// state_dir.
//
// Decides nothing: what a mark means is topology's. Control thread; a thread of its own reads and writes, one
// after the other, since a slow disk must not delay a failover.
//
// Flow: recall() before the first probe -> keep(mark) at every change; reread() and move_to() at a reload. A
// mark that could not be written is tried again every second; until then the file is older than what was
// proven, and is not believed. Destruction waits until the last mark is on disk, or has failed once more.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <string>

#include "pgsteer/fence/fence_file.hpp"
#include "pgsteer/topology/topology.hpp"

namespace pgsteer::fence {

class fence_memory {
 public:
  using on_mark = std::function<void(const std::optional<topology::fence_mark>&)>;

  // handler: gets a mark that was read and differs from ours. named: cluster.system_identifier, 0 if it names
  // none.
  fence_memory(boost::asio::io_context& control, std::string state_dir, topology::system_identifier named,
               on_mark handler);
  ~fence_memory();
  fence_memory(const fence_memory&) = delete;
  fence_memory& operator=(const fence_memory&) = delete;

  // Why the state_dir cannot be used, or nothing. The operator relies on it: there is no start without it.
  [[nodiscard]] std::string recall();
  void keep(const topology::fence_mark& mark);
  // By an operator's `pgsteer fence`: what the file says now counts. A file that cannot be read changes
  // nothing.
  void reread();
  // Another folder to remember in, none, or the same.
  struct place {
    std::string state_dir;
    fence_reading found;  // what read_fence() said of another one, without a problem
    topology::system_identifier named;
  };
  // present: what is known of the cluster that is named by now. Of one cluster the higher timeline counts,
  // that or the one found.
  void move_to(const place& next, const std::optional<topology::fence_mark>& present);

  [[nodiscard]] const std::string& state_dir() const noexcept { return state_dir_; }
  // True while a restart would not know what was proven here.
  [[nodiscard]] bool is_unsaved() const noexcept { return !state_dir_.empty() && wanted_ != saved_; }

 private:
  void write();
  void on_written(const std::string& state_dir, const std::optional<topology::fence_mark>& mark,
                  const std::string& problem);
  void on_read(const fence_reading& reading);
  void take(const std::optional<topology::fence_mark>& mark);

  boost::asio::io_context& control_;
  std::string state_dir_;
  topology::system_identifier named_;
  on_mark handler_;
  std::optional<topology::fence_mark> wanted_;
  std::optional<topology::fence_mark> saved_;  // in state_dir_, as last read or written
  bool is_writing_ = false;
  std::string problem_;  // of the last write; logged when it changes
  boost::asio::steady_timer retry_timer_;
  std::optional<boost::asio::thread_pool> disk_;  // one thread, once a folder has proved usable
};

}  // namespace pgsteer::fence
