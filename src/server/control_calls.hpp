#pragma once
// control_calls: has something done on the control thread, and waits for it, for a thread beside it.
//
// Flow: call() from the other thread, any number of times -> abandon() before the control thread runs no
// more, from there: whoever waits is let go.
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace pgsteer::server {

class control_calls {
 public:
  explicit control_calls(boost::asio::io_context& control) : control_(control) {}
  ~control_calls() { abandon(); }
  control_calls(const control_calls&) = delete;
  control_calls& operator=(const control_calls&) = delete;

  [[nodiscard]] boost::asio::io_context& control() const noexcept { return control_; }
  // False: it was not done, and will not be.
  [[nodiscard]] bool call(std::function<void()> action) {
    std::unique_lock lock(shared_->mutex);
    if (shared_->is_abandoned) return false;
    bool is_done = false;
    boost::asio::post(control_, [shared = shared_, action = std::move(action), &is_done] {
      if (shared->is_over()) return;
      action();
      const std::lock_guard held(shared->mutex);
      if (shared->is_abandoned) return;  // nobody waits any more, and is_done is gone
      is_done = true;
      shared->news.notify_all();
    });
    shared_->news.wait(lock, [&] { return is_done || shared_->is_abandoned; });
    return is_done;
  }
  void abandon() {
    const std::lock_guard held(shared_->mutex);
    shared_->is_abandoned = true;
    shared_->news.notify_all();
  }

 private:
  struct shared_state {
    std::mutex mutex;
    std::condition_variable news;
    bool is_abandoned = false;
    [[nodiscard]] bool is_over() {
      const std::lock_guard held(mutex);
      return is_abandoned;
    }
  };
  boost::asio::io_context& control_;
  const std::shared_ptr<shared_state> shared_ = std::make_shared<shared_state>();
};

}  // namespace pgsteer::server
