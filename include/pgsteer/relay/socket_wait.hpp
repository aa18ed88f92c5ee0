#pragma once
// socket_wait: somebody who waits for a socket that is no flow's yet, such as a login's, in the engine that
// its worker waits in anyway.
//
// The base of whoever waits; each engine keeps in it what it knows of that socket. Worker's thread.
//
// Flow: engine::wait() -> on_ready() once, unless engine::forget() comes first; and again.
#include <boost/intrusive/list.hpp>
#include <cstdint>

namespace pgsteer::relay {

enum class readiness : std::uint8_t { readable, writable };

class socket_wait
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // The socket is as asked for, at its end, or has failed. From inside turn(): calls nothing of the engine.
  virtual void on_ready() = 0;
  // False again before on_ready(), and once the engine is gone.
  [[nodiscard]] bool is_waiting() const noexcept { return is_linked(); }

 protected:
  // Precondition: !is_waiting().
  ~socket_wait() = default;
  // It will wait for another socket; the one before is closed.
  void change_socket() noexcept { is_in_set_ = false; }

 private:
  friend class epoll_engine;
  friend class uring_engine;
  int fd_ = -1;
  bool is_in_set_ = false;   // epoll: asked for before, and so to be changed instead of added
  void* request_ = nullptr;  // io_uring: what the kernel was asked for it
};

using socket_waits = boost::intrusive::list<socket_wait, boost::intrusive::constant_time_size<false>>;

}  // namespace pgsteer::relay
