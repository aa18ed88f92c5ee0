#include "pgsteer/net/spawn.hpp"

#include "pgsteer/base/log.hpp"

namespace pgsteer::net {

void log_escape::operator()(std::exception_ptr escaped) const noexcept {
  if (!escaped) return;
  try {
    std::rethrow_exception(escaped);
  } catch (const std::exception& e) {
    log(log_level::error, "coroutine ended by an exception",
        {{"coroutine", name}, {"error", std::string_view(e.what())}});
  } catch (...) {
    log(log_level::error, "coroutine ended by an exception", {{"coroutine", name}});
  }
}

}  // namespace pgsteer::net
