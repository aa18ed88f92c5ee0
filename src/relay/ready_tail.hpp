#pragma once
// ready_tail: was the last thing the client got a whole ReadyForQuery 'I', and has it sent nothing since? And
// was the last thing it sent its goodbye?
//
// Its goodbye is Terminate. Where TLS hides that, it is the alert that ends the client's stream; or, if the
// client has not come to that yet, the backend's alert alone as the answer to what the client sent last:
// before it ends a session by itself PostgreSQL says why, with FATAL.
//
// Pure; one per flow. Looks only at the end of each chunk, so it costs the same for 6 bytes and 64 KiB. It
// does not parse: a client that sends its next query before the answer to the last one is complete is taken
// for idle once that answer ends, and a FATAL at that point still stands between two messages. A row that is
// cut by a read just after these six bytes would be mistaken too, one read in 2^48 of random data.
#include <algorithm>
#include <array>
#include <cstdint>

#include "pgsteer/base/bytes.hpp"
#include "relay/tls_alert.hpp"

namespace pgsteer::relay {

class ready_tail {
 public:
  // is_readable: the bytes are PostgreSQL's messages in the clear, else they are encrypted.
  explicit ready_tail(bool is_readable = true) noexcept : is_readable_(is_readable) {}

  void to_client(byte_span bytes) noexcept {
    if (!is_readable_) return to_client_hidden(bytes);
    for (const std::uint8_t byte : bytes.last(bytes.size() < 6 ? bytes.size() : 6))
      last_six_ = last_six_ << 8 | byte;
  }
  void from_client(byte_span bytes) noexcept {
    last_six_ = 0;
    has_said_goodbye_ = is_readable_ ? ends_with_terminate(bytes) : tls_alert_at_end(bytes) != 0;
    is_unanswered_ = true;
  }

  [[nodiscard]] bool is_readable() const noexcept { return is_readable_; }

  // False where nothing can be read.
  [[nodiscard]] bool is_ready() const noexcept {
    return is_readable_ && (last_six_ & 0xFFFF'FFFF'FFFF) == ready_for_query_idle;
  }

  [[nodiscard]] bool has_said_goodbye() const noexcept { return has_said_goodbye_ || is_goodbye_answered_; }
  // By the backend, so that the client's goodbye came before the backend's end.
  [[nodiscard]] bool is_goodbye_answered() const noexcept { return is_goodbye_answered_; }

 private:
  // Terminate: Byte1('X') | Int32(4)  -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-TERMINATE
  static constexpr std::array<std::uint8_t, 5> terminate{'X', 0, 0, 0, 4};
  // ReadyForQuery: Byte1('Z') | Int32(5) | Byte1('I')
  //   -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
  static constexpr std::uint64_t ready_for_query_idle = 0x5A'0000'0005'49;

  static bool ends_with_terminate(byte_span bytes) noexcept {
    return bytes.size() >= terminate.size() && std::ranges::equal(bytes.last(terminate.size()), terminate);
  }

  void to_client_hidden(byte_span bytes) noexcept {
    if (is_unanswered_ && tls_alert_at_end(bytes) == bytes.size()) is_goodbye_answered_ = true;
    is_unanswered_ = false;
  }

  std::uint64_t last_six_ = 0;  // the last byte lowest; what lies above the six is older still
  bool is_readable_;
  bool has_said_goodbye_ = false;
  bool is_unanswered_ = false;  // the client spoke last
  bool is_goodbye_answered_ = false;
};

}  // namespace pgsteer::relay
