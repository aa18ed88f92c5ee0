#include "relay/stall_guard.hpp"

#include <linux/sockios.h>
// Not netinet/tcp.h: its tcp_info ends before tcpi_notsent_bytes.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>

namespace pgsteer::relay {
namespace {

enum class peer_state { takes_all, is_paused, unknown };

peer_state look(int fd) noexcept {
  int unsent = 0;  // unacknowledged or unsent
  if (::ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent == 0) return peer_state::takes_all;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return peer_state::unknown;
  if (size < offsetof(tcp_info, tcpi_notsent_bytes) + sizeof info.tcpi_notsent_bytes)
    return peer_state::unknown;
  if (info.tcpi_notsent_bytes == 0) return peer_state::takes_all;
  // A window that closed over data in flight counts as well: that data is retransmitted as a probe, under the
  // same time-out. Kernels before 5.4 do not report it.
  const bool knows_window = size >= offsetof(tcp_info, tcpi_snd_wnd) + sizeof info.tcpi_snd_wnd;
  const bool is_closed = info.tcpi_unacked == 0 || (knows_window && info.tcpi_snd_wnd == 0);
  return is_closed ? peer_state::is_paused : peer_state::takes_all;
}

}  // namespace

void stall_guard::look_at(int fd) noexcept {
  const peer_state state = look(fd);
  if (state == peer_state::is_paused && user_timeout_taken_ms == 0) {
    std::uint32_t configured = 0;
    socklen_t size = sizeof configured;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &configured, &size) != 0 || configured == 0) return;
    const std::uint32_t off = 0;
    if (::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &off, sizeof off) == 0)
      user_timeout_taken_ms = configured;
  } else if (state == peer_state::takes_all && user_timeout_taken_ms != 0) {
    const std::uint32_t configured = user_timeout_taken_ms;
    if (::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &configured, sizeof configured) == 0)
      user_timeout_taken_ms = 0;
  }
}

}  // namespace pgsteer::relay
