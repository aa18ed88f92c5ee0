#pragma once
// login_socket: one connected, or connecting, socket until the relay takes it over.
//
// Its operations try first and wait only if they must, in the relay engine: most of what a login reads and
// writes is there at once. Not Asio's socket, which would have to be registered with a second epoll set, and
// taken out of it again, for each login. One operation at a time; the worker's thread.
//
// Flow: take() -> operations, each ended early by cancel() or close() -> release() into a flow.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/net/latch.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/engine.hpp"

namespace pgsteer::session {

class login_socket final : public relay::socket_wait {
 public:
  login_socket(boost::asio::io_context& context, relay::engine& engine)
      : context_(context), engine_(engine), ready_(context) {}
  ~login_socket() { close(); }
  login_socket(const login_socket&) = delete;
  login_socket& operator=(const login_socket&) = delete;

  // Non-blocking; instead of the one before, if there was one.
  void take(net::unique_fd fd);
  [[nodiscard]] net::unique_fd release();
  [[nodiscard]] bool is_open() const noexcept { return fd_.is_open(); }
  [[nodiscard]] int fd() const noexcept { return fd_.value(); }

  struct received {
    error_code ec;  // asio::error::eof at the end
    std::size_t n = 0;
  };
  // Errors of these: operation_aborted after cancel() or close(); what recv(2), send(2), epoll_ctl(2) say.
  [[nodiscard]] boost::asio::awaitable<received> read_some(mutable_byte_span into);
  // For what a fresh socket takes at once: while it does not and the peer has ended, io_uring polls in vain.
  [[nodiscard]] boost::asio::awaitable<error_code> write(byte_span bytes);
  [[nodiscard]] boost::asio::awaitable<error_code> wait(relay::readiness what);

  // From the io_context, once there is something to read, the end, or an error; not after cancel().
  void when_readable(std::function<void()> action);

  // The operation under way ends with operation_aborted, if it has not ended already.
  void cancel();
  void close();

 private:
  void on_ready() override;

  boost::asio::io_context& context_;
  relay::engine& engine_;
  net::unique_fd fd_;
  net::latch ready_;
  bool is_cancelled_ = false;
  std::shared_ptr<std::function<void()>> action_;  // of when_readable()
};

}  // namespace pgsteer::session
