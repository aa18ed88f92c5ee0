#pragma once
// as_result: what a coroutine passes to an Asio operation to get its error code as a value, not as an
// exception.
//
// Flow: const auto [ec, n] = co_await socket.async_read_some(buffer, as_result); look at ec on the next line.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pgsteer::net {

inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace pgsteer::net
