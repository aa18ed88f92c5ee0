#pragma once
// config_loader: reads the configuration anew on a thread of its own, since a slow disk must not delay a
// failover.
//
// Applies nothing. Control thread. Destruction waits for the disk.
//
// Flow: load() -> on_loaded on the control thread; one after the other.
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/config/config.hpp"
#include "pgsteer/fence/fence_file.hpp"

namespace pgsteer::server {

struct loaded_config {
  config::config options;
  fence::fence_reading folder;        // of its state_dir, if that is another than before
  std::vector<std::string> problems;  // any: the rest is of no use
};

class config_loader {
 public:
  using on_loaded = std::function<void(loaded_config)>;

  // read: throws config_error. Called on the thread of its own. state_dir: the present one.
  config_loader(boost::asio::io_context& control, std::function<config::config()> read,
                std::function<std::string()> state_dir);
  ~config_loader();
  config_loader(const config_loader&) = delete;
  config_loader& operator=(const config_loader&) = delete;

  void load(on_loaded handler);

 private:
  void load_next();

  boost::asio::io_context& control_;
  const std::function<config::config()> read_;
  const std::function<std::string()> state_dir_;
  std::deque<on_loaded> waiting_;                 // the first one's is under way; bounded by who may ask
  std::optional<boost::asio::thread_pool> disk_;  // one thread, once there is something to read
};

}  // namespace pgsteer::server
