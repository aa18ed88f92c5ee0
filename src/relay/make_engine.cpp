#include "pgsteer/base/log.hpp"
#include "pgsteer/relay/engine.hpp"
#include "relay/epoll_engine.hpp"

namespace pgsteer::relay {

result<std::unique_ptr<engine>> make_engine(boost::asio::io_context& context, const relay_options& options,
                                            metrics::relay_counters& counters) {
  switch (options.engine) {
    case engine_choice::io_uring:
      log(log_level::warning, "relay engine io_uring is not available, using epoll");
      break;
    case engine_choice::automatic:
    case engine_choice::epoll:
      break;
  }
  return epoll_engine::make(context, options, counters);
}

}  // namespace pgsteer::relay
