#pragma once
// leg: one side of a session as its login sees it: a connected, or connecting, socket until the relay takes
// it over.
//
// An operation does what can be done now, and else waits in the relay engine: most of what a login reads and
// writes is there at once. Not Asio's socket, which would have to be registered with a second epoll set, and
// taken out of it again, for each login. The worker's thread.
//
// Flow: take() or open() -> begin() -> its outcome; if that is under way, the owner's on_ready() once unless
// cancel() comes first, and begin(under_way()) -> ... -> release() into a flow.
#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/login/event.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/engine.hpp"

namespace pgsteer::session {

class leg final : public relay::socket_wait {
 public:
  class owner {
   public:
    // From inside the engine's turn: calls nothing of the leg but count().
    virtual void on_ready(leg& which) = 0;

   protected:
    ~owner() = default;
  };

  leg(relay::engine& engine, owner& of) : engine_(engine), owner_(of) {}
  ~leg() { close(); }
  leg(const leg&) = delete;
  leg& operator=(const leg&) = delete;

  // Non-blocking; instead of the one before, if there was one.
  void take(net::unique_fd fd);
  // A fresh one, to be connected. Errors: of net::make_socket().
  [[nodiscard]] error_code open(const net::address& address, const net::tcp_options& options);
  [[nodiscard]] net::unique_fd release();
  [[nodiscard]] bool is_open() const noexcept { return fd_.is_open(); }
  [[nodiscard]] int fd() const noexcept { return fd_.value(); }

  struct operation {
    enum class kind {
      none,
      reading,     // some bytes
      writing,     // some of the bytes. For what a fresh socket takes at once: while it does not and the peer
                   // has ended, io_uring polls in vain.
      connecting,  // what was opened
      watching,    // until there is something to read, or the end
    };
    kind what = kind::none;
    mutable_byte_span into{};  // may be shared with other legs: what was read is gone with the next operation
    byte_span bytes{};
    bool comes_later = false;  // it cannot be done yet: waits first
  };
  struct outcome {
    bool is_under_way = false;
    std::size_t n = 0;  // bytes read or written
    error_code ec{};    // asio::error::eof at the end of the stream; of recv(2), send(2), connect(2) and
                        // engine::wait()
  };
  // One at a time; instead of the one under way, if there is one.
  [[nodiscard]] outcome begin(const operation& what);
  [[nodiscard]] const operation& under_way() const noexcept { return under_way_; }
  // No on_ready() follows.
  void cancel() noexcept;
  void close() noexcept;
  // Grows with each operation and cancel(): what was posted for an earlier one is stale.
  [[nodiscard]] unsigned count() const noexcept { return count_; }

  // Whether its peer is there still, and whether that has sent something that nobody has read.
  [[nodiscard]] login::client_seen look() const noexcept;
  // The socket is to linger afterwards (net/lingering_sockets.hpp).
  void say_last(byte_span bytes) noexcept;

 private:
  [[nodiscard]] outcome attempt(const operation& what) noexcept;
  void on_ready() override { owner_.on_ready(*this); }

  relay::engine& engine_;
  owner& owner_;
  net::unique_fd fd_;
  net::address address_;  // that it is to be connected to
  operation under_way_;
  unsigned count_ = 0;
};

}  // namespace pgsteer::session
