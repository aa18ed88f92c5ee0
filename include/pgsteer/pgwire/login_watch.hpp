#pragma once
// Reads along while a backend logs a client in: from the first byte after the startup packet to
// ReadyForQuery.
//
// It only watches: bytes are relayed by its owner, and nothing is authenticated here. Pure: no sockets, no
// clock. Not thread-safe; one per login. Memory is bounded: it keeps one small message at a time and skips
// the rest by length.
//
// Flow:
//   consume(every chunk, in order, cut anywhere) -> watching -> ... -> one final state, which then stays
//
// Layout (protocol-message-formats.html): Byte1 type | Int32 length (includes itself) | body
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"

namespace pgsteer::pgwire {

// What is kept of an ErrorResponse; its SQLSTATE stands near the front.
inline constexpr std::size_t watched_error_bytes_max = 2 * 1024;

struct login_watch_options {
  bool refuse_hot_standby = false;  // rw logins: PostgreSQL 14+ reports in_hot_standby before ReadyForQuery
};

class login_watch {
 public:
  enum class state {
    watching,
    logged_in,            // ReadyForQuery; bytes behind it in the same chunk were not looked at
    refused_hot_standby,  // in_hot_standby=on although refuse_hot_standby
    failed,               // ErrorResponse; sqlstate() is set if it had one
    not_postgresql,       // no message of the protocol; libpq would lose synchronisation here too
  };

  explicit login_watch(login_watch_options options) noexcept : options_(options) {}

  state consume(byte_span bytes) noexcept;

  // True if the bytes consumed so far end with a whole message: another message may follow them.
  [[nodiscard]] bool is_between_messages() const noexcept {
    return header_size_ == 0 && body_bytes_left_ == 0;
  }

  // Set from BackendKeyData on; empty if the backend sent none or one of a length the protocol does not know.
  [[nodiscard]] const std::optional<cancel_key>& backend_key() const noexcept { return backend_key_; }

  // Of the ErrorResponse; empty if there was none or it has no such field. Valid while the watch lives.
  [[nodiscard]] std::string_view sqlstate() const noexcept { return sqlstate_; }

 private:
  [[nodiscard]] state begin_message() noexcept;
  [[nodiscard]] state end_message() noexcept;

  static constexpr std::size_t header_bytes = 5;

  login_watch_options options_;
  state state_ = state::watching;
  std::array<std::uint8_t, header_bytes> header_{};
  std::size_t header_size_ = 0;
  std::size_t body_bytes_left_ = 0;
  std::size_t body_bytes_kept_max_ = 0;
  std::string body_;  // the front of the current message's body, at most body_bytes_kept_max_
  bool is_first_message_ = true;
  std::optional<cancel_key> backend_key_;
  std::string sqlstate_;
};

}  // namespace pgsteer::pgwire
