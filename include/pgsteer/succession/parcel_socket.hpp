#pragma once
// parcel_socket: what two processes of pgsteer hand things over through: a connected Unix stream socket that
// carries text, bytes and descriptors together (SCM_RIGHTS of unix(7)).
//
// Knows no meaning of a parcel. Blocks its thread, until the deadline at most; one thread at a time.
//
// A descriptor that was sent belongs to both: the sender closes its own copy when it is told that the other
// one uses it. That the peer has ended shows only after all that it had sent was received.
//
// Layout: UInt32 text bytes | UInt32 bytes | UInt32 descriptors | text | bytes, in the host's order: both
// ends are on one host.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::succession {

struct parcel {
  std::string text;
  std::vector<std::uint8_t> bytes;
  std::vector<net::unique_fd> descriptors;
};

class parcel_socket {
 public:
  // SCM_MAX_FD, include/net/scm.h in Linux.
  static constexpr std::size_t descriptors_max = 253;
  // Far above what a batch holds; a peer that announces more speaks another language.
  static constexpr std::size_t text_bytes_max = std::size_t{16} << 20U;
  static constexpr std::size_t bytes_max = std::size_t{256} << 20U;

  explicit parcel_socket(net::unique_fd connected) : fd_(std::move(connected)) {}

  // Returns once all of it is on its way to a peer that is there to receive it. Preconditions: the maxima.
  // Errors: errc::peer_gone, errc::timed_out, and what sendmsg(2) returned; then nothing more can be sent.
  [[nodiscard]] result<void> send(std::string_view text, byte_span bytes, std::span<const int> descriptors,
                                  time_point deadline);
  // Errors: errc::peer_gone once everything was received, errc::timed_out, errc::not_understood, and what
  // recvmsg(2) returned.
  [[nodiscard]] result<parcel> receive(time_point deadline);
  // True: receive() has something to do, be it that the peer is gone. False: not before the deadline.
  [[nodiscard]] bool await(time_point deadline) const;
  // From now on the peer can send nothing: its send() fails. What it has sent before can be received, and
  // behind it errc::peer_gone. So this decides, at one instant for both, what the peer has said.
  void refuse_more() noexcept;

 private:
  [[nodiscard]] error_code wait(short events, time_point deadline) const;
  [[nodiscard]] error_code receive_some(mutable_byte_span& into, std::vector<net::unique_fd>& descriptors,
                                        time_point deadline);

  net::unique_fd fd_;
};

}  // namespace pgsteer::succession
