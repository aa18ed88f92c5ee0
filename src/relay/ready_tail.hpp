#pragma once
// ready_tail: was the last thing the client got a whole ReadyForQuery 'I', and has it sent nothing since?
//
// Pure; one per flow. Looks only at the end of each chunk, so it costs the same for 6 bytes and 64 KiB. It
// does not parse, but for what the server says to whoever is ready, unasked: a notification to a listener
// leaves it ready, in a chunk of its own. A client that sends its next query before the answer to the last
// one is complete is taken for idle once that answer ends, and a FATAL at that point still stands between two
// messages. A row that is cut by a read just after these six bytes would be mistaken too, one read in 2^48 of
// random data.
#include <cstddef>
#include <cstdint>

#include "pgsteer/base/bytes.hpp"

namespace pgsteer::relay {

class ready_tail {
 public:
  explicit ready_tail(std::uint64_t last_six = 0) noexcept : last_six_(last_six) {}
  void to_client(byte_span bytes) noexcept {
    if ((is_ready() || is_in_transaction()) && are_unasked(bytes)) return;
    for (const std::uint8_t byte : bytes.last(bytes.size() < 6 ? bytes.size() : 6))
      last_six_ = last_six_ << 8 | byte;
  }
  void from_client() noexcept { last_six_ = 0; }

  // Bytes went one way or the other without being looked at.
  void note_unseen() noexcept { last_six_ = 0; }

  [[nodiscard]] std::uint64_t last_six() const noexcept { return last_six_; }
  [[nodiscard]] bool is_ready() const noexcept {
    return (last_six_ & 0xFFFF'FFFF'FFFF) == ready_for_query_idle;
  }
  // Likewise ReadyForQuery 'T', or 'E' for a transaction that has failed.
  [[nodiscard]] bool is_in_transaction() const noexcept {
    const std::uint8_t status = last_six_ & 0xFF;
    return (last_six_ & 0xFFFF'FFFF'FF00) == (ready_for_query_idle & 0xFFFF'FFFF'FF00) &&
           (status == 'T' || status == 'E');
  }

 private:
  // ReadyForQuery: Byte1('Z') | Int32(5) | Byte1('I')
  //   -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
  static constexpr std::uint64_t ready_for_query_idle = 0x5A'0000'0005'49;

  // Whole messages and nothing else: NotificationResponse 'A', NoticeResponse 'N' or ParameterStatus 'S',
  // each Byte1 | Int32 length of the rest, itself included  -- protocol-flow.html#PROTOCOL-ASYNC
  static bool are_unasked(byte_span bytes) noexcept {
    while (bytes.size() >= 5) {
      if (bytes[0] != 'A' && bytes[0] != 'N' && bytes[0] != 'S') return false;
      const std::size_t length = std::size_t{bytes[1]} << 24U | std::size_t{bytes[2]} << 16U |
                                 std::size_t{bytes[3]} << 8U | std::size_t{bytes[4]};
      if (length < 4 || length >= bytes.size()) return false;
      bytes = bytes.subspan(1 + length);
    }
    return bytes.empty();
  }

  std::uint64_t last_six_;  // the last byte lowest; what lies above the six is older still
};

}  // namespace pgsteer::relay
