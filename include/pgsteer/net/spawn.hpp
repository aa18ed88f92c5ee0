#pragma once
// spawn(): starts a coroutine whose escape by an exception is logged, never dropped.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <string_view>
#include <utility>

namespace pgsteer::net {

// The named end of every spawned coroutine: our coroutines report by error codes, so an exception here is
// std::bad_alloc or a defect. name must outlive the coroutine (a literal).
struct log_escape {
  std::string_view name;
  void operator()(std::exception_ptr escaped) const noexcept;
};

template <class Executor>
void spawn(Executor&& executor, boost::asio::awaitable<void> task, std::string_view name) {
  boost::asio::co_spawn(std::forward<Executor>(executor), std::move(task), log_escape{name});
}

}  // namespace pgsteer::net
