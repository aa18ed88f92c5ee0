#pragma once
// config_loader: reads the configuration anew on a thread of its own, since a slow disk must not delay a
// failover.
//
// Applies nothing. Control thread. Destruction does not wait for the disk, which may never answer.
//
// Flow: load() -> on_loaded on the control thread; one after the other.
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pgsteer/config/config.hpp"
#include "pgsteer/fence/fence_file.hpp"
#include "pgsteer/server/server.hpp"

namespace pgsteer::server {

struct loaded_config {
  config::config options;
  fence::fence_reading folder;        // of its state_dir, if that is another than before
  std::vector<std::string> problems;  // any: the rest is of no use
};

class config_loader {
 public:
  using on_loaded = std::function<void(loaded_config)>;

  // present: the configuration that is in force.
  config_loader(boost::asio::io_context& control, config_source source,
                std::function<config::config()> present);
  ~config_loader();  // nothing is called any more
  config_loader(const config_loader&) = delete;
  config_loader& operator=(const config_loader&) = delete;

  void load(on_loaded handler);

 private:
  void load_next();
  void on_read(loaded_config loaded);

  struct shared;  // with the thread that reads
  const std::shared_ptr<shared> shared_;
  const std::function<config::config()> present_;
  std::deque<on_loaded> waiting_;  // the first one's is under way; bounded by who may ask
};

}  // namespace pgsteer::server
