#pragma once
// latch: lets one coroutine sleep until a callback of the same thread sets it, at no cost but one allocation.
//
// Not a timer and not thread-safe: one worker's thread sets it and waits for it. Once set it stays set.
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace pgsteer::net {

class latch {
 public:
  explicit latch(boost::asio::io_context& context) noexcept : context_(&context) {}

  [[nodiscard]] bool is_set() const noexcept { return is_set_; }

  // Wakes the waiter through the io_context, never from inside this call.
  void set() {
    is_set_ = true;
    if (waiter_) std::exchange(waiter_, nullptr)->complete(*context_);
  }

  // At most one coroutine waits at a time.
  [[nodiscard]] boost::asio::awaitable<void> wait() {
    if (is_set_) co_return;
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        keeper{this}, boost::asio::use_awaitable);
  }

 private:
  struct waiter {
    virtual ~waiter() = default;
    virtual void complete(boost::asio::io_context& context) = 0;
  };
  template <class Handler>
  struct typed_waiter final : waiter {
    explicit typed_waiter(Handler&& h) : handler(std::move(h)) {}
    void complete(boost::asio::io_context& context) override {
      auto executor = boost::asio::get_associated_executor(handler, context.get_executor());
      boost::asio::post(executor, std::move(handler));
    }
    Handler handler;
  };

  // A function object and not a lambda: gcc 12 miscompiles some co_await expressions that build one.
  struct keeper {
    latch* owner;
    template <class Handler>
    void operator()(Handler&& handler) const {
      owner->waiter_ = std::make_unique<typed_waiter<std::decay_t<Handler>>>(std::move(handler));
    }
  };

  boost::asio::io_context* context_;
  std::unique_ptr<waiter> waiter_;
  bool is_set_ = false;
};

}  // namespace pgsteer::net
