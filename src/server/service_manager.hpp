#pragma once
// service_manager: tells systemd, or whoever else has set NOTIFY_SOCKET, how far this process is.
//
// Knows nothing of what it tells. Each message is one datagram (sd_notify(3)), which takes no library. Nobody
// waits and nothing fails for it: without the variable it does nothing; what cannot be sent now goes first
// the next time. Control thread.
//
// Flow: ready() once the ports are open -> reloading() and reloaded() around each reload -> stopping();
// show() at any time.
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::server {

// What an operator sees in `systemctl status`.
struct service_status {
  std::string primary;           // as people call it; empty: none
  bool takes_new_logins = true;  // that primary
  bool is_draining = false;
  std::size_t sessions = 0;

  bool operator==(const service_status&) const = default;
};
// "primary 10.0.0.2:5432, 12 sessions"
[[nodiscard]] std::string words_of(const service_status& status);

// The message that another process of this service is its main one from now on.
[[nodiscard]] std::string main_pid(pid_t process);

class service_manager {
 public:
  // Messages that the manager has not taken yet; those that come then are lost. It takes one that is alive:
  // systemd has room for 512 (net.unix.max_dgram_qlen, which it raises).
  static constexpr std::size_t waiting_max = 64;
  // Beyond what a drain may take: for the last log lines.
  static constexpr auto stop_margin = seconds{10};
  // Of the number of sessions alone, between two messages.
  static constexpr auto count_interval = seconds{5};

  // socket: the value of NOTIFY_SOCKET, a path, or @ and an abstract name; null or empty: there is nobody to
  // tell.
  explicit service_manager(const char* socket);

  void ready();
  // One may begin before another one is over.
  void reloading(time_point now);
  void reloaded();
  // The last word, but for show(). allowed: what a drain may take, which the manager is asked to wait for.
  void stopping(duration allowed);
  // Tells what is new: at once, or if it is only the number of sessions, after count_interval.
  void show(const service_status& status, time_point now);
  // Any other message.
  void tell(std::string message);
  // What waits, if anything does; whoever tells more does it as well.
  void deliver();

 private:
  net::unique_fd socket_;  // closed: there is nobody to tell
  sockaddr_un address_{};
  socklen_t address_bytes_ = 0;
  std::deque<std::string> waiting_;
  int reloads_ = 0;  // under way
  bool is_stopping_ = false;
  std::optional<service_status> shown_;
  time_point shown_at_{};
};

}  // namespace pgsteer::server
