#include "server/config_loader.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

namespace pgsteer::server {
namespace asio = boost::asio;

struct config_loader::shared {
  const config_source source;
  std::mutex mutex;
  asio::io_context* control;  // null once the loader is gone
  config_loader* loader;
};

namespace {

// What a change would rely on from now on; what is in force already is the probes' to complain of.
std::vector<std::string> unusable_paths_of(const config::config& next, const config::config& present,
                                           const std::string& file) {
  config::config changed = next;
  std::erase_if(changed.paths, [&](const config::named_path& each) {
    return std::ranges::any_of(present.paths, [&](const config::named_path& before) {
      return before.key == each.key && before.path == each.path;
    });
  });
  return unusable_paths(changed, file);
}

std::vector<std::string> problems_with_file(const std::string& file) {
  std::error_code ec;
  const auto seen = std::filesystem::status(file, ec);
  const bool is_other = std::filesystem::exists(seen) && !std::filesystem::is_regular_file(seen) &&
                        !std::filesystem::is_directory(seen);
  if (!is_other) return {};  // it is read, or why not is told then
  return {file + ": expected a readable configuration file, found one that is no regular file"};
}

loaded_config load_now(const config_source& source, const config::config& present) {
  loaded_config loaded;
  loaded.problems = problems_with_file(source.file);
  if (!loaded.problems.empty()) return loaded;
  try {
    loaded.options = source.read();
  } catch (const config::config_error& error) {
    loaded.problems = error.problems();
  } catch (const std::exception& error) {
    loaded.problems = {error.what()};
  }
  if (!loaded.problems.empty()) return loaded;
  loaded.problems = unusable_paths_of(loaded.options, present, source.file);
  const std::string& folder = loaded.options.state_dir;
  if (!loaded.problems.empty() || folder.empty() || folder == present.state_dir) return loaded;
  loaded.folder = fence::read_fence(folder);
  if (!loaded.folder.problem.empty()) loaded.problems = {"cluster.state_dir: " + loaded.folder.problem};
  return loaded;
}

}  // namespace

config_loader::config_loader(asio::io_context& control, config_source source,
                             std::function<config::config()> present)
    : shared_(new shared{std::move(source), {}, &control, this}), present_(std::move(present)) {}

config_loader::~config_loader() {
  const std::lock_guard lock(shared_->mutex);
  shared_->control = nullptr;
}

void config_loader::load(on_loaded handler) {
  waiting_.push_back(std::move(handler));
  if (waiting_.size() == 1) load_next();
}

void config_loader::load_next() {
  std::thread([with = shared_, present = present_()] {
    loaded_config loaded = load_now(with->source, present);
    const std::lock_guard lock(with->mutex);
    if (with->control == nullptr) return;
    asio::post(*with->control, [with, loaded = std::move(loaded)]() mutable {
      if (with->control != nullptr) with->loader->on_read(std::move(loaded));
    });
  }).detach();
}

void config_loader::on_read(loaded_config loaded) {
  const on_loaded told = std::move(waiting_.front());
  told(std::move(loaded));
  waiting_.pop_front();
  if (!waiting_.empty()) load_next();
}

}  // namespace pgsteer::server
