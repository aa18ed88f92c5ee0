#include "pgsteer/net/wait_point.hpp"

#include "pgsteer/net/as_result.hpp"

namespace pgsteer::net {

boost::asio::awaitable<bool> wait_point::wait_until(time_point deadline) {
  while (!is_woken_) {
    if (clock::now() >= deadline) co_return false;
    timer_.expires_at(deadline);
    co_await timer_.async_wait(as_result);
  }
  is_woken_ = false;
  co_return true;
}

}  // namespace pgsteer::net
