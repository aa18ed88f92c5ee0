#include "pgsteer/net/context_poll.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/detail/reactor.hpp>  // tidy: allow reactor
#include <cerrno>
#include <utility>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net {
namespace asio = boost::asio;
namespace {

// Asio's own name for what waits. tidy: allow reactor
using asio_waiter = asio::detail::epoll_reactor;

int set_of(asio_waiter& owner) noexcept;
int timer_of(asio_waiter& owner) noexcept;

// Asio has no functions that return them, so private members are read: the names of an explicit instantiation
// are exempt from access checks ([temp.spec.general]). A Boost that has renamed them fails to compile here.
template <int asio_waiter::*Set, int asio_waiter::*Timer>
struct reach {
  friend int set_of(asio_waiter& owner) noexcept { return owner.*Set; }
  friend int timer_of(asio_waiter& owner) noexcept { return owner.*Timer; }
};
template struct reach<&asio_waiter::epoll_fd_, &asio_waiter::timer_fd_>;

}  // namespace

result<std::unique_ptr<context_poll>> context_poll::make(asio::io_context& context) {
  // Without one Asio counts on the time-out of its own wait, which is never begun.
  if (timer_of(asio::use_service<asio_waiter>(context)) < 0)
    return error_code(EMFILE, boost::system::system_category());
  unique_fd event_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event_fd.is_open()) return error_code(errno, boost::system::system_category());
  asio::posix::stream_descriptor woken(context);
  error_code ec;
  woken.assign(event_fd.value(), ec);
  if (ec) return ec;
  (void)event_fd.release();
  return std::make_unique<context_poll>(context, std::move(woken));
}

context_poll::context_poll(asio::io_context& context, asio::posix::stream_descriptor woken)
    : context_(context), fd_(set_of(asio::use_service<asio_waiter>(context))), woken_(std::move(woken)) {
  await_wake();
}

bool context_poll::run_ready() {
  for (int n = 0; n < handlers_max; ++n) {
    if (context_.poll_one() == 0) return false;
  }
  return true;
}

void context_poll::wake() noexcept {
  if (is_woken_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  // It can only fail if the counter is at its limit, and then it is readable.
  [[maybe_unused]] const ssize_t written = ::write(woken_.native_handle(), &one, sizeof one);
}

void context_poll::await_wake() {
  woken_.async_read_some(asio::buffer(&count_, sizeof count_), [this](const error_code& ec, std::size_t) {
    if (ec) return;
    // Whoever finds it still set has posted before, and so for this run of handlers.
    is_woken_.exchange(false, std::memory_order_acq_rel);
    await_wake();
  });
}

}  // namespace pgsteer::net
