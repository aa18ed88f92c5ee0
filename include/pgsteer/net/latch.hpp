#pragma once
// latch: lets one coroutine sleep until a callback of the same thread sets it, at no cost but one allocation.
//
// Not a timer and not thread-safe: one worker's thread sets it and waits for it. Once set it stays set until
// reset().
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <utility>

namespace pgsteer::net {

class latch {
 public:
  explicit latch(boost::asio::io_context& context) noexcept : context_(&context) {}

  // Wakes the waiter through the io_context, never from inside this call.
  void set() {
    is_set_ = true;
    if (waiter_) std::exchange(waiter_, nullptr)->complete(*context_);
  }

  // Precondition: nobody waits.
  void reset() noexcept { is_set_ = false; }

  // At most one coroutine waits at a time.
  [[nodiscard]] boost::asio::awaitable<void> wait();

 private:
  struct waiter {
    virtual ~waiter() = default;
    virtual void complete(boost::asio::io_context& context) = 0;
  };
  struct keeper;

  boost::asio::io_context* context_;
  std::unique_ptr<waiter> waiter_;
  bool is_set_ = false;
};

}  // namespace pgsteer::net
