#include "pgsteer/net/latch.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pgsteer::net {
namespace asio = boost::asio;

// A function object and not a lambda: gcc 12 miscompiles some co_await expressions that build one.
struct latch::keeper {
  template <class Handler>
  struct typed_waiter final : waiter {
    explicit typed_waiter(Handler&& h) : handler(std::move(h)) {}
    void complete(asio::io_context& context) override {
      auto executor = asio::get_associated_executor(handler, context.get_executor());
      asio::post(executor, std::move(handler));
    }
    Handler handler;
  };

  latch* owner;

  template <class Handler>
  void operator()(Handler&& handler) const {
    owner->waiter_ = std::make_unique<typed_waiter<std::decay_t<Handler>>>(std::move(handler));
  }
};

asio::awaitable<void> latch::wait() {
  if (is_set_) co_return;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(keeper{this}, asio::use_awaitable);
}

}  // namespace pgsteer::net
