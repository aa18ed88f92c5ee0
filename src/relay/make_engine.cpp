#include <mutex>

#include "pgsteer/base/log.hpp"
#include "pgsteer/relay/engine.hpp"
#include "relay/epoll_engine.hpp"
#include "relay/uring_engine.hpp"

namespace pgsteer::relay {
namespace {

// Every worker makes an engine, and all of them meet the same kernel.
void tell_once_why_not(log_level level, const error_code& reason) {
  static std::once_flag told;
  std::call_once(told, [&] {
    log(level, "relay engine io_uring is not available, using epoll", {{"reason", reason.message()}});
  });
}

}  // namespace

result<std::unique_ptr<engine>> make_engine(int extra_fd, const relay_options& options,
                                            metrics::relay_counters& counters) {
  if (options.engine != engine_choice::epoll) {
    result<std::unique_ptr<engine>> made = uring_engine::make(extra_fd, options, counters);
    if (made) return made;
    // Who has asked for it by name wants to know; by default it is as good as expected in a container.
    const bool is_asked_for = options.engine == engine_choice::io_uring;
    tell_once_why_not(is_asked_for ? log_level::warning : log_level::info, made.error());
  }
  return epoll_engine::make(extra_fd, options, counters);
}

}  // namespace pgsteer::relay
