#include "server/fence_memory.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "pgsteer/base/log.hpp"
#include "server/fence_file.hpp"

namespace pgsteer::server {

fence_memory::fence_memory(std::string state_dir, topology::system_identifier named, on_mark handler)
    : state_dir_(std::move(state_dir)), named_(named), handler_(std::move(handler)) {}

std::string fence_memory::recall() {
  if (state_dir_.empty()) return {};
  fence_reading reading = read_fence(state_dir_);
  if (!reading.problem.empty()) return std::move(reading.problem);
  writer_.emplace(1);
  take(reading.mark);
  return {};
}

void fence_memory::keep(const topology::fence_mark& mark) {
  if (!writer_) return;
  boost::asio::post(*writer_, [folder = state_dir_, mark] {
    const std::string problem = write_fence(folder, mark);
    if (!problem.empty())
      log(log_level::error, "the fence cannot be remembered", {{"reason", std::string_view(problem)}});
  });
}

void fence_memory::reread() {
  if (state_dir_.empty()) {
    log(log_level::warning, "SIGHUP ignored: the configuration is read at start only");
    return;
  }
  const fence_reading reading = read_fence(state_dir_);
  if (!reading.problem.empty()) {
    log(log_level::error, "SIGHUP: the fence stays as it is",
        {{"reason", std::string_view(reading.problem)}});
    return;
  }
  log(log_level::info, reading.mark ? "SIGHUP: the fence is read again" : "SIGHUP: the fence is forgotten");
  take(reading.mark);
}

void fence_memory::take(const std::optional<topology::fence_mark>& mark) {
  handler_(mark);
  if (!mark) return;
  const bool is_ignored = named_.value != 0 && named_ != mark->system;
  log(is_ignored ? log_level::warning : log_level::info,
      is_ignored ? "the remembered fence is another cluster's than cluster.system_identifier names: ignored"
                 : "the fence is remembered",
      {{"file", std::string_view(fence_path(state_dir_))},
       {"timeline", static_cast<std::int64_t>(mark->timeline.value)},
       {"system_identifier", std::string_view(std::to_string(mark->system.value))}});
}

}  // namespace pgsteer::server
