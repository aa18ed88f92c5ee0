#include "server/config_loader.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

loaded_config load_now(const std::function<config::config()>& read, const std::string& state_dir) {
  loaded_config loaded;
  try {
    loaded.options = read();
  } catch (const config::config_error& error) {
    loaded.problems = error.problems();
  } catch (const std::exception& error) {
    loaded.problems = {error.what()};
  }
  const std::string& folder = loaded.options.state_dir;
  if (loaded.problems.empty() && !folder.empty() && folder != state_dir)
    loaded.folder = fence::read_fence(folder);
  if (!loaded.folder.problem.empty()) loaded.problems = {"cluster.state_dir: " + loaded.folder.problem};
  return loaded;
}

}  // namespace

config_loader::config_loader(asio::io_context& control, std::function<config::config()> read,
                             std::function<std::string()> state_dir)
    : control_(control), read_(std::move(read)), state_dir_(std::move(state_dir)) {}

config_loader::~config_loader() {
  if (disk_) disk_->join();
}

void config_loader::load(on_loaded handler) {
  waiting_.push_back(std::move(handler));
  if (waiting_.size() == 1) load_next();
}

void config_loader::load_next() {
  if (!disk_) disk_.emplace(1);
  asio::post(*disk_, [this, folder = state_dir_()] {
    asio::post(control_, [this, loaded = load_now(read_, folder)]() mutable {
      const on_loaded told = std::move(waiting_.front());
      told(std::move(loaded));
      waiting_.pop_front();
      if (!waiting_.empty()) load_next();
    });
  });
}

}  // namespace pgsteer::server
