#pragma once
// A thread that runs an io_context until it is destroyed: what belongs to "the control thread" is called
// there.
//
// Whatever uses the context has to be gone before, or the destructor waits for it. One owner.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

namespace pgsteer::test {

class io_thread {
 public:
  io_thread() = default;
  ~io_thread() {
    work_.reset();
    thread_.join();
  }
  io_thread(const io_thread&) = delete;
  io_thread& operator=(const io_thread&) = delete;

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  // Runs action there and waits for it.
  template <class Action>
  void call(Action action) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_{[this] { context_.run(); }};
};

}  // namespace pgsteer::test
