#include <mutex>
#include <string>

#include "pgsteer/base/log.hpp"
#include "pgsteer/relay/engine.hpp"
#include "relay/epoll_engine.hpp"
#include "relay/uring_engine.hpp"

namespace pgsteer::relay {
namespace {

// Every worker makes an engine, and all of them meet the same kernel.
void tell_once_why_not(const error_code& reason) {
  static std::once_flag told;
  std::call_once(told, [&] {
    log(log_level::warning, "relay engine io_uring is not available, using epoll",
        {{"reason", reason.message()}});
  });
}

}  // namespace

result<std::unique_ptr<engine>> make_engine(boost::asio::io_context& context, const relay_options& options,
                                            metrics::relay_counters& counters) {
  switch (options.engine) {
    case engine_choice::io_uring: {
      result<std::unique_ptr<engine>> made = uring_engine::make(context, options, counters);
      if (made) return made;
      tell_once_why_not(made.error());
      break;
    }
    case engine_choice::automatic:
    case engine_choice::epoll:
      break;
  }
  return epoll_engine::make(context, options, counters);
}

}  // namespace pgsteer::relay
